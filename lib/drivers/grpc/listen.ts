import type { OutgoingHttpHeaders } from 'node:http';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import { Observable, Subject } from 'rxjs';

import { logger } from '../../log.js';
import type { Connection } from '../../transport/connection.js';
import type { DriverParams, Listener } from '../../transport/driver.js';
import { describeParams, formatAddress, formatUrl } from '../../transport/url.js';
import { GreetingSockets } from '../node/greeting-sockets.js';
import { bindHost, requirePort } from '../node/listen-address.js';
import { fromNodeError } from '../node/node-errors.js';
import { serverTls } from '../node/tls.js';
import { ClientSession } from './client-session.js';
import { ESTABLISH_MS, RESPONSE_HEADERS, STREAM_PATH } from './http2.js';
import { PassiveConnection } from './passive-connection.js';
import { GrpcCode, statusHeaders } from './status.js';

const log = logger('grpc');

const NOT_LISTENING: OutgoingHttpHeaders = {
  ...RESPONSE_HEADERS,
  ...statusHeaders({ code: GrpcCode.UNAVAILABLE, details: 'not listening any more' }),
};

/** Listens by the rules of `Driver.listen`: what is connected goes on when the listening ends. */
export function listenGrpc(params: DriverParams): Observable<Listener> {
  return new Observable((subscriber) => {
    const context = describeParams(params);
    const connections = new Subject<Connection>();
    const greeting = new GreetingSockets(log);
    const { server, readyEvent } = openServer(params);
    server.on('connection', (socket: Socket) => greeting.add(socket));
    server.on('tlsClientError', (error: Error) =>
      log('%s: a TLS handshake failed: %s', context, error.message),
    );
    server.on(readyEvent, (socket: Socket) => {
      const address = remoteAddress(socket);
      const client = new ClientSession(socket);
      client.session.on('error', (error: Error) => log('%s: %s: %s', context, address, error.message));
      client.session.on('stream', (stream, headers) => {
        const refusal = subscriber.closed ? NOT_LISTENING : refusalOf(headers);
        if (refusal === undefined) {
          greeting.release(address);
          connections.next(new PassiveConnection(stream, client));
        } else refuse(stream, refusal);
      });
    });
    server.on('error', (error) => subscriber.error(fromNodeError(error, context)));
    server.listen({ port: requirePort(params), host: bindHost(params.host) }, () => {
      const { port } = server.address() as AddressInfo;
      const url = formatUrl(params.scheme, params.host ?? '', port);
      subscriber.next({ url, connections$: connections.asObservable() });
    });
    return () => {
      server.close();
      greeting.destroy();
      connections.complete();
    };
  });
}

function openServer(params: DriverParams): { server: Server; readyEvent: string } {
  const material = serverTls(params);
  if (material === undefined) return { server: createTcpServer({ noDelay: true }), readyEvent: 'connection' };
  const server = createTlsServer({
    ...material,
    noDelay: true,
    handshakeTimeout: ESTABLISH_MS,
    ALPNProtocols: ['h2'],
  });
  return { server, readyEvent: 'secureConnection' };
}

/** The answer to a request that is not for us: in the words of HTTP where it is not gRPC, and else of gRPC. */
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

function remoteAddress(socket: Socket): string {
  return formatAddress(socket.remoteAddress, socket.remotePort);
}
