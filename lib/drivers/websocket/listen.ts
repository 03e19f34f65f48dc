import type { Server } from 'node:net';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';

import { merge, Observable, Subject } from 'rxjs';
import type { WebSocket } from 'ws';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection } from '../../transport/connection.js';
import { quoted } from '../../quoted.js';
import { type DriverParams, type HandshakeFailure, type Listener, Mode } from '../../transport/driver.js';
import { keepRequest } from '../../transport/handshake-requests.js';
import { describeParams, formatUrl, secureScheme } from '../../transport/url.js';
import { bindHost, requirePort } from '../node/listen-address.js';
import { fromNodeError } from '../node/node-errors.js';
import { tlsFailures } from '../node/tls-failures.js';
import { attachRoute } from './attached-routes.js';
import { type AttachableServer, requireSecurity } from './attached-server.js';
import { MessageFramer } from './message-framer.js';
import { ownServer } from './own-server.js';
import { socketProperties } from '../node/socket-properties.js';
import type { TrustedProxies } from './trusted-proxies.js';
import { rejectUpgrade, takeUpgrades, type UpgradeRoute } from './upgrades.js';
import { WebSocketConnection } from './websocket-connection.js';
import { customPath, DEFAULT_PATH } from './websocket-url.js';

/** How a server that is bound to every address shows that. */
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['::', '0.0.0.0']);

/** What a listener is told beside its address. */
export interface ListenRules {
  readonly origins: UpgradeRoute['origins'];
  readonly proxies: TrustedProxies;
}

/** Listens on a server of its own, by the contract of `Driver.listen`. */
export function listenAlone(params: DriverParams, rules: ListenRules): Observable<Listener> {
  return new Observable((subscriber) => {
    const connections = new Subject<Connection>();
    const forbidden = new Subject<HandshakeFailure>();
    const paths = new Set([DEFAULT_PATH, '/', customPath(params) ?? DEFAULT_PATH]);
    const { server, http, release, close } = ownServer(params, paths);
    const route: UpgradeRoute = {
      origins: rules.origins,
      forbid: (origin, socket) => forbidden.next(forbiddenPage(urlOf(params, server), origin, socket)),
      accept: (ws, socket, request) => {
        const connection = accepted(ws, socket, request, rules);
        release(connection.properties.peer_addr);
        connections.next(connection);
      },
    };
    takeUpgrades(
      http,
      (path) => (paths.has(path) ? route : undefined),
      (_request, socket) => rejectUpgrade(socket, 404),
    );
    server.on('error', (error) => subscriber.error(fromNodeError(error, describeParams(params))));
    server.listen({ port: requirePort(Mode.PASSIVE, params), host: bindHost(params.host) }, () => {
      const url = urlOf(params, server);
      const failures$ = merge(tlsFailures(server, url), forbidden);
      subscriber.next({ url, connections$: connections.asObservable(), failures$ });
    });
    return () => {
      close();
      connections.complete();
      forbidden.complete();
    };
  });
}

/**
 * Listens on a server of the application, beside what it serves. Waits until the server listens, and errors with
 * `CLOSED` when it closes.
 */
export function listenAttached(
  server: AttachableServer,
  params: DriverParams,
  rules: ListenRules,
): Observable<Listener> {
  return new Observable((subscriber) => {
    requireSecurity(server, params);
    const context = describeParams(params);
    const connections = new Subject<Connection>();
    const failures = new Subject<HandshakeFailure>();
    const stop = attachRoute(server, customPath(params) ?? DEFAULT_PATH, {
      origins: rules.origins,
      forbid: (origin, socket) => failures.next(forbiddenPage(urlOf(params, server), origin, socket)),
      accept: (ws, socket, request) => connections.next(accepted(ws, socket, request, rules)),
    });
    const tell = () =>
      subscriber.next({
        url: urlOf(params, server),
        connections$: connections.asObservable(),
        failures$: failures.asObservable(),
      });
    const end = () => subscriber.error(new CommError(CommErrorCode.CLOSED, `${context}: the server closed`));
    server.on('close', end);
    if (server.listening) tell();
    else server.once('listening', tell);
    return () => {
      stop();
      server.off('close', end).off('listening', tell);
      connections.complete();
      failures.complete();
    };
  });
}

/** A page of an origin that is not allowed. Its origin is what the peer sends. */
function forbiddenPage(url: string, origin: string, socket: Duplex): HandshakeFailure {
  const { peer_addr: peerAddr } = socketProperties(socket);
  const detail = `the origin ${quoted(origin)} of a page at ${peerAddr} is not allowed`;
  const hint = 'if it is yours, add it to the option `origins`';
  return { peerAddr, error: new CommError(CommErrorCode.REFUSED, `${url}: ${detail}; ${hint}`) };
}

/** The connection of a new WebSocket. */
function accepted(
  ws: WebSocket,
  socket: Duplex,
  request: IncomingMessage,
  { proxies }: ListenRules,
): WebSocketConnection {
  const properties = socketProperties(socket);
  const connection = new WebSocketConnection({ ws, socket, properties, framer: new MessageFramer() });
  const {
    url = '',
    headers,
    socket: { remoteAddress = '' },
  } = request;
  keepRequest(connection, {
    url,
    headers,
    remoteAddress: proxies.clientOf(remoteAddress, headers),
    raw: request,
  });
  return connection;
}

/** The URL of the listener, with the real port, the scheme that clients need, and the host that the server is bound to. */
function urlOf(params: DriverParams, server: Server): string {
  const { host = '', path } = params;
  const scheme = server instanceof TlsServer ? secureScheme(params.scheme) : params.scheme;
  const bound = server.address();
  const { address = '', port = params.port ?? 0 } = typeof bound === 'object' ? (bound ?? {}) : {};
  const boundHost = EVERY_ADDRESS.has(address) ? '' : address;
  return formatUrl(scheme, host === '' ? boundHost : host, port, path === '/' ? '' : path);
}
