import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type ServerOpts,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

import { Observable, Subject } from 'rxjs';

import type { Logger } from '../../log.js';
import type { Connection } from '../../transport/connection.js';
import { type DriverParams, type Listener, Mode } from '../../transport/driver.js';
import { describeParams, formatUrl } from '../../transport/url.js';
import { GreetingSockets } from './greeting-sockets.js';
import { bindHost, requirePort } from './listen-address.js';
import { fromNodeError } from './node-errors.js';
import { serverTls } from './tls.js';
import { tlsFailures } from './tls-failures.js';

/** How a listener on TCP makes connections of sockets. */
export interface TcpRules {
  /** The options of its server in the clear. */
  readonly tcp: ServerOpts;
  /** The options of its server under TLS, beside the certificates. */
  readonly tls?: TlsOptions;
  readonly log: Logger;
  /**
   * Called with each socket, under TLS after the handshake.
   *
   * @param emit - passes on a connection that was made on the socket
   * @param listening - closed once the listening has ended
   */
  accept(
    socket: Socket,
    emit: (connection: Connection) => void,
    listening: { readonly closed: boolean },
  ): void;
}

/** Listens on TCP, with TLS where the parameters ask for it, by the contract of `Driver.listen`. */
export function listenTcp(params: DriverParams, rules: TcpRules): Observable<Listener> {
  return new Observable((subscriber) => {
    const { log } = rules;
    const context = describeParams(params);
    const connections = new Subject<Connection>();
    const greeting = new GreetingSockets(log);
    const emit = (connection: Connection) => {
      greeting.release(connection.properties.peer_addr);
      connections.next(connection);
    };
    const { server, readyEvent } = openServer(params, rules);
    server.on('connection', (socket: Socket) => greeting.add(socket));
    server.on(readyEvent, (socket: Socket) => rules.accept(socket, emit, subscriber));
    server.on('error', (error) => subscriber.error(fromNodeError(error, context)));
    server.listen({ port: requirePort(Mode.PASSIVE, params), host: bindHost(params.host) }, () => {
      const { port } = server.address() as AddressInfo;
      const url = formatUrl(params.scheme, params.host ?? '', port);
      subscriber.next({ url, connections$: connections.asObservable(), failures$: tlsFailures(server, url) });
    });
    return () => {
      server.close();
      greeting.destroy();
      connections.complete();
    };
  });
}

function openServer(params: DriverParams, { tcp, tls }: TcpRules): { server: Server; readyEvent: string } {
  const material = serverTls(params);
  return material === undefined
    ? { server: createTcpServer(tcp), readyEvent: 'connection' }
    : { server: createTlsServer({ ...tls, ...material }), readyEvent: 'secureConnection' };
}
