import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { Server as TlsServer } from 'node:tls';

import { Observable, Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection } from '../../transport/connection.js';
import { type DriverParams, type Listener, Mode } from '../../transport/driver.js';
import { describeParams, formatUrl, needsTls, secureScheme } from '../../transport/url.js';
import { bindHost, requirePort } from '../node/listen-address.js';
import { fromNodeError } from '../node/node-errors.js';
import { MessageFramer } from './message-framer.js';
import { ownServer } from './own-server.js';
import { socketProperties } from '../node/socket-properties.js';
import { leaveToOthers, rejectUpgrade, takeUpgrades, type UpgradeRules } from './upgrades.js';
import { WebSocketConnection } from './websocket-connection.js';
import { customPath, DEFAULT_PATH } from './websocket-url.js';

type Origins = UpgradeRules['origins'];

/** Listens on a server of its own, by the contract of `Driver.listen`. */
export function listenAlone(params: DriverParams, origins: Origins): Observable<Listener> {
  return new Observable((subscriber) => {
    const connections = new Subject<Connection>();
    const paths = new Set([DEFAULT_PATH, '/', customPath(params) ?? DEFAULT_PATH]);
    const { server, release, close } = ownServer(params, paths);
    takeUpgrades(server, {
      paths,
      origins,
      accept: (ws, socket) => {
        const properties = socketProperties(socket);
        release(properties.peer_addr);
        connections.next(new WebSocketConnection({ ws, socket, properties, framer: new MessageFramer() }));
      },
      decline: (_request, socket) => rejectUpgrade(socket, 404),
    });
    server.on('error', (error) => subscriber.error(fromNodeError(error, describeParams(params))));
    server.listen({ port: requirePort(Mode.PASSIVE, params), host: bindHost(params.host) }, () =>
      subscriber.next({ url: urlOf(params, server), connections$: connections.asObservable() }),
    );
    return () => {
      close();
      connections.complete();
    };
  });
}

/**
 * Listens on a server of the application, beside what it serves. Waits until the server listens, and errors with
 * `CLOSED` when it closes.
 */
export function listenAttached(
  server: HttpServer | HttpsServer,
  params: DriverParams,
  origins: Origins,
): Observable<Listener> {
  return new Observable((subscriber) => {
    const context = describeParams(params);
    if (needsTls(params) && !(server instanceof TlsServer)) {
      const detail = 'TLS is asked for, but the server that was given has none: give an https.Server';
      throw new CommError(CommErrorCode.BAD_CONFIG, `${context}: ${detail}`);
    }
    const connections = new Subject<Connection>();
    const stop = takeUpgrades(server, {
      paths: new Set([customPath(params) ?? DEFAULT_PATH]),
      origins,
      accept: (ws, socket) => {
        const properties = socketProperties(socket);
        connections.next(new WebSocketConnection({ ws, socket, properties, framer: new MessageFramer() }));
      },
      decline: leaveToOthers(server),
    });
    const tell = () =>
      subscriber.next({ url: urlOf(params, server), connections$: connections.asObservable() });
    const end = () => subscriber.error(new CommError(CommErrorCode.CLOSED, `${context}: the server closed`));
    server.on('close', end);
    if (server.listening) tell();
    else server.once('listening', tell);
    return () => {
      stop();
      server.off('close', end).off('listening', tell);
      connections.complete();
    };
  });
}

/** The URL of the listener, with the real port and the scheme that clients need. */
function urlOf(params: DriverParams, server: HttpServer | HttpsServer): string {
  const { host = '', path } = params;
  const scheme = server instanceof TlsServer ? secureScheme(params.scheme) : params.scheme;
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : (params.port ?? 0);
  return formatUrl(scheme, host, port, path === '/' ? '' : path);
}
