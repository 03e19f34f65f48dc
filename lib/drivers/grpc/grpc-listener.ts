import type { ConnectionInjector } from '@grpc/grpc-js';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import { Observable, Subject } from 'rxjs';

import { logger } from '../../log.js';
import type { Connection } from '../../transport/connection.js';
import type { DriverParams, Listener } from '../../transport/driver.js';
import { describeParams, formatAddress, formatUrl } from '../../transport/url.js';
import { bindHost, requirePort } from '../listen-address.js';
import { fromNodeError } from '../node-errors.js';
import { serverTls } from '../tls.js';
import { GrpcConnection } from './grpc-connection.js';
import { COMMON_OPTIONS, ESTABLISH_MS, type GrpcJs, STREAM_PATH } from './grpc-js.js';
import { type ClientSocket, PassiveCall, type ServerCall } from './passive-call.js';
import { socketProperties } from './socket-properties.js';

const log = logger('grpc');

/**
 * Listens. The port is bound here and its sockets are handed to grpc-js, which would otherwise bind by itself: so an
 * address that is taken says so, TLS has the rules of the other drivers, and what is connected goes on when the
 * listening ends.
 */
export function listenGrpc(grpc: GrpcJs, params: DriverParams): Observable<Listener> {
  return new Observable((subscriber) => {
    const context = describeParams(params);
    const connections = new Subject<Connection>();
    /** Sockets that grpc-js has, and those in the middle of their TLS handshake, by address. */
    const clients = new Map<string, ClientSocket>();
    const greeting = new Map<string, Socket>();
    const injector = injectorOf(grpc, (call) => {
      const client = clients.get(addressOf(call.getConnectionInfo()));
      if (client === undefined || subscriber.closed) {
        call.sendStatus({ code: grpc.status.UNAVAILABLE, details: 'not listening any more' });
        return;
      }
      const properties = socketProperties(client.socket);
      connections.next(new GrpcConnection(new PassiveCall(grpc, call, client), properties));
    });
    const { server, readyEvent } = openServer(params);
    server.on('connection', (socket: Socket) => {
      const address = addressOf(socket);
      greeting.set(address, socket);
      socket.once('close', () => greeting.delete(address));
    });
    server.on('tlsClientError', (error: Error) =>
      log('%s: a TLS handshake failed: %s', context, error.message),
    );
    server.on(readyEvent, (socket: Socket) => {
      const address = addressOf(socket);
      greeting.delete(address);
      clients.set(address, { socket, calls: 0 });
      socket.once('close', () => clients.delete(address));
      socket.on('error', (error) => log('%s: %s: %s', context, address, error.message));
      injector.injectConnection(socket);
    });
    server.on('error', (error) => subscriber.error(fromNodeError(error, context)));
    server.listen({ port: requirePort(params), host: bindHost(params.host) }, () => {
      const { port } = server.address() as AddressInfo;
      const url = formatUrl(params.scheme, params.host ?? '', port);
      subscriber.next({ url, connections$: connections });
    });
    return () => {
      server.close();
      for (const socket of greeting.values()) socket.destroy();
      for (const { socket, calls } of clients.values()) if (calls === 0) socket.destroy();
      connections.complete();
    };
  });
}

/**
 * A server of grpc-js that lives on the sockets it is given. `accept` takes each call over before it becomes a
 * stream of Node, which would read ahead while a connection is paused, and write one message after the other.
 */
function injectorOf(grpc: GrpcJs, accept: (call: ServerCall) => void): ConnectionInjector {
  const server = new grpc.Server({
    ...COMMON_OPTIONS,
    'grpc.max_connection_idle_ms': ESTABLISH_MS,
    interceptors: [(_method, call) => new grpc.ServerInterceptingCall(call, { start: () => accept(call) })],
  });
  const asItIs = (bytes: Buffer): Buffer => bytes;
  server.register(STREAM_PATH, () => undefined, asItIs, asItIs, 'bidi');
  return server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
}

function openServer(params: DriverParams): { server: TcpServer; readyEvent: string } {
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

/** Both ends of a socket, which tell it from all others of its listener. */
function addressOf(socket: ReturnType<ServerCall['getConnectionInfo']>): string {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  return `${formatAddress(remoteAddress, remotePort)} to ${formatAddress(localAddress, localPort)}`;
}
