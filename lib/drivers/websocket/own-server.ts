import {
  createServer as createHttpServer,
  type RequestListener,
  type Server as HttpServer,
  STATUS_CODES,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import { logger } from '../../log.js';
import type { DriverParams } from '../../transport/driver.js';
import { GreetingSockets } from '../node/greeting-sockets.js';
import { isBun } from '../node/is-bun.js';
import { serverTls } from '../node/tls.js';
import type { TlsMaterial } from '../node/tls-material.js';
import { pathOf } from './upgrades.js';

const log = logger('http');

/** An HTTP server that only serves upgrades. */
export interface OwnServer {
  /** What listens. */
  readonly server: Server;
  /** What emits the upgrades. */
  readonly http: HttpServer;
  /** Notes that a socket became a WebSocket, which outlives the server. */
  readonly release: (address: string) => void;
  /** Stops listening, and closes the sockets that have not become WebSockets. */
  readonly close: () => void;
}

/**
 * Creates the server of a listener that was given none.
 *
 * @throws CommError `BAD_CONFIG` if a certificate for TLS is missing
 */
export function ownServer(params: DriverParams, paths: ReadonlySet<string>): OwnServer {
  const material = serverTls(params);
  const { server, http } = openServers(material, answerRequest(paths));
  const greeting = new GreetingSockets(log);
  server.on('connection', (socket: Socket) => greeting.add(socket));
  return {
    server,
    http,
    release: (address) => greeting.release(address),
    close: () => {
      server.close();
      greeting.destroy();
    },
  };
}

function openServers(
  material: TlsMaterial | undefined,
  answer: RequestListener,
): Pick<OwnServer, 'server' | 'http'> {
  if (material !== undefined && !isBun) {
    const server = createHttpsServer(material, answer);
    return { server, http: server };
  }
  const http = createHttpServer(answer);
  if (material === undefined) return { server: http, http };
  // An https.Server of Bun does not show the certificates of its clients; a TLS server does.
  return { server: createTlsServer(material, (socket) => http.emit('connection', socket)), http };
}

/** Answers requests that are no upgrades with what this port is for. */
function answerRequest(paths: ReadonlySet<string>): RequestListener {
  return (request, response) => {
    const status = paths.has(pathOf(request)) ? 426 : 404;
    response.writeHead(status, {
      'Content-Type': 'text/plain',
      ...(status === 426 ? { Connection: 'Upgrade, close', Upgrade: 'websocket' } : { Connection: 'close' }),
    });
    response.end(`${STATUS_CODES[status] ?? ''}: this port takes WebSocket connections\n`);
  };
}
