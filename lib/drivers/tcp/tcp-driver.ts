import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { connect as connectTls, createServer as createTlsServer, TLSSocket } from 'node:tls';

import { Observable, Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { logger } from '../../log.js';
import type { Connection, ConnectionProperties } from '../../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Resources,
} from '../../transport/driver.js';
import { describeParams, formatAddress, formatUrl } from '../../transport/url.js';
import { GreetingSockets } from '../node/greeting-sockets.js';
import { bindHost, requirePort, resolveTcpUrls } from '../node/listen-address.js';
import { fromNodeError } from '../node/node-errors.js';
import { clientTls, serverTls, tlsProperties } from '../node/tls.js';
import { FrameReader } from './frame-reader.js';
import { readInPlace } from './read-in-place.js';
import { TcpConnection } from './tcp-connection.js';

const log = logger('tcp');

/** A client that has not finished its TLS handshake by then is let go. */
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;

/** `tcp` and `stcp` (also `atcp` and `satcp`): frames back to back on a socket, with TLS where it is asked for. */
export class TcpDriver implements Driver {
  readonly schemes = ['tcp', 'stcp', 'atcp', 'satcp'] as const;
  readonly capabilities: DriverCapabilities = { tls: true, heartbeat: true, listen: true };

  connect(params: DriverParams): Observable<Connection> {
    return new Observable((subscriber) => {
      const context = describeParams(params);
      const reader = new FrameReader();
      const { socket, readyEvent } = openSocket(params, reader);
      const fail = (error: Error) => subscriber.error(fromNodeError(error, context));
      const failClosed = () => {
        const detail = 'the peer closed the connection while it was being made';
        subscriber.error(new CommError(CommErrorCode.CLOSED, `${context}: ${detail}`));
      };
      socket.once('error', fail).once('close', failClosed);
      socket.once(readyEvent, () => {
        socket.off('error', fail).off('close', failClosed);
        const connection = new TcpConnection(socket, reader, socketProperties(socket));
        connection.lifetime().subscribe(subscriber);
      });
      return () => socket.destroy();
    });
  }

  listen(params: DriverParams): Observable<Listener> {
    return new Observable((subscriber) => {
      const context = describeParams(params);
      const connections = new Subject<Connection>();
      const { server, readyEvent } = openServer(params);
      const greeting = new GreetingSockets(log);
      server.on('connection', (socket: Socket) => greeting.add(socket));
      server.on('tlsClientError', (error: Error) =>
        log('%s: a TLS handshake failed: %s', context, error.message),
      );
      server.on(readyEvent, (accepted: Socket) => {
        greeting.release(remoteAddress(accepted));
        const reader = new FrameReader();
        const socket = accepted instanceof TLSSocket ? accepted : readInPlace(accepted, reader.onread);
        connections.next(new TcpConnection(socket, reader, socketProperties(socket)));
      });
      server.on('error', (error) => subscriber.error(fromNodeError(error, context)));
      server.listen({ port: requirePort(params), host: bindHost(params.host) }, () => {
        const { port } = server.address() as AddressInfo;
        subscriber.next({
          url: formatUrl(params.scheme, params.host ?? '', port),
          connections$: connections.asObservable(),
        });
      });
      return () => {
        server.close();
        greeting.destroy();
        connections.complete();
      };
    });
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return resolveTcpUrls(scheme, resources);
  }
}

function openSocket(params: DriverParams, reader: FrameReader): { socket: Socket; readyEvent: string } {
  const material = clientTls(params);
  const address = {
    host: params.host === '' ? 'localhost' : (params.host ?? 'localhost'),
    port: requirePort(params),
  };
  if (material === undefined) {
    const socket = connectTcp({ ...address, onread: reader.onread });
    return { socket: socket.pause(), readyEvent: 'connect' };
  }
  // As in NVFlare, identity is the certificate's common name and not the host name; see docs/security.md.
  const socket = connectTls({ ...address, ...material, checkServerIdentity: () => undefined });
  return { socket, readyEvent: 'secureConnect' };
}

function openServer(params: DriverParams): { server: Server; readyEvent: string } {
  const material = serverTls(params);
  if (material === undefined)
    return { server: createTcpServer({ pauseOnConnect: true }), readyEvent: 'connection' };
  const server = createTlsServer({ ...material, handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS });
  return { server, readyEvent: 'secureConnection' };
}

function socketProperties(socket: Socket): ConnectionProperties {
  return {
    local_addr: formatAddress(socket.localAddress, socket.localPort),
    peer_addr: remoteAddress(socket),
    ...(socket instanceof TLSSocket ? tlsProperties(socket) : {}),
  };
}

function remoteAddress(socket: Socket): string {
  return formatAddress(socket.remoteAddress, socket.remotePort);
}
