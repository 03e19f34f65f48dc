import type { OutgoingHttpHeaders } from 'node:http';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';

import type { Observable } from 'rxjs';

import { logger } from '../../log.js';
import type { DriverParams, Listener } from '../../transport/driver.js';
import { keepRequest } from '../../transport/handshake-requests.js';
import { describeParams } from '../../transport/url.js';
import { listenTcp } from '../node/listen-tcp.js';
import { remoteAddress } from '../node/socket-properties.js';
import { ClientSession } from './client-session.js';
import { RESPONSE_HEADERS, STREAM_PATH } from './http2.js';
import { PassiveConnection } from './passive-connection.js';
import { GrpcCode, statusHeaders } from './status.js';

const log = logger('grpc');

const NOT_LISTENING: OutgoingHttpHeaders = {
  ...RESPONSE_HEADERS,
  ...statusHeaders({ code: GrpcCode.UNAVAILABLE, details: 'not listening any more' }),
};

/** Listens by the contract of `Driver.listen`: what is connected goes on when the listening ends. */
export function listenGrpc(params: DriverParams): Observable<Listener> {
  return listenTcp(params, {
    tcp: { noDelay: true },
    tls: { noDelay: true, ALPNProtocols: ['h2'] },
    log,
    accept: (socket, emit, listening) => {
      const address = remoteAddress(socket);
      const client = new ClientSession(socket);
      client.session.on('error', (error: Error) =>
        log('%s: %s: %s', describeParams(params), address, error.message),
      );
      client.session.on('stream', (stream, headers) => {
        const refusal = listening.closed ? NOT_LISTENING : refusalOf(headers);
        if (refusal === undefined) emit(accepted(stream, headers, client));
        else refuse(stream, refusal);
      });
    },
  });
}

function accepted(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  client: ClientSession,
): PassiveConnection {
  const connection = new PassiveConnection(stream, client);
  const { remoteAddress = '' } = client.socket;
  keepRequest(connection, { url: STREAM_PATH, headers, remoteAddress, raw: undefined });
  return connection;
}

/** The answer to a request that is refused: an HTTP status if it is not gRPC, else a gRPC status. */
function refusalOf(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
  const { ':method': method, ':path': path, 'content-type': type = '' } = headers;
  if (!type.startsWith('application/grpc')) return { ':status': 415 };
  if (method !== 'POST') return { ':status': 405 };
  if (path === STREAM_PATH) return undefined;
  const details = `expected ${STREAM_PATH}, got ${String(path)}`;
  return { ...RESPONSE_HEADERS, ...statusHeaders({ code: GrpcCode.UNIMPLEMENTED, details }) };
}

function refuse(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  stream.on('error', (error) => log('%s', error.message));
  stream.respond(headers, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}
