import {
  createServer as createHttpServer,
  type RequestListener,
  type Server as HttpServer,
  STATUS_CODES,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

import { logger } from '../../log.js';
import type { DriverParams } from '../../transport/driver.js';
import { GreetingSockets } from '../node/greeting-sockets.js';
import { serverTls } from '../node/tls.js';
import { pathOf } from './upgrades.js';

const log = logger('http');

/** An HTTP server that only serves upgrades. */
export interface OwnServer {
  readonly server: HttpServer | HttpsServer;
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
  const answer = answerRequest(paths);
  const server = material === undefined ? createHttpServer(answer) : createHttpsServer(material, answer);
  const greeting = new GreetingSockets(log);
  server.on('connection', (socket: Socket) => greeting.add(socket));
  return {
    server,
    release: (address) => greeting.release(address),
    close: () => {
      server.close();
      greeting.destroy();
    },
  };
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
