import { type IncomingMessage, type Server as HttpServer, ServerResponse, STATUS_CODES } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { type WebSocket, WebSocketServer } from 'ws';

import { WS_OPTIONS } from './ws-options.js';

/** Which upgrades a listener accepts. */
export interface UpgradeRules {
  readonly paths: ReadonlySet<string>;
  /** The allowed origins of browsers; `undefined` for all. */
  readonly origins: readonly string[] | undefined;
  /** Called with each new WebSocket. */
  accept(ws: WebSocket, socket: Duplex): void;
  /** Called for each upgrade of another path. */
  decline(request: IncomingMessage, socket: Duplex): void;
}

/** Accepts WebSocket upgrades of an HTTP server by the rules. Returns a function that stops it. */
export function takeUpgrades(server: HttpServer | HttpsServer, rules: UpgradeRules): () => void {
  const upgrader = new WebSocketServer({ ...WS_OPTIONS, noServer: true, clientTracking: false });
  const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { origin } = request.headers;
    if (!rules.paths.has(pathOf(request))) rules.decline(request, socket);
    else if (origin !== undefined && rules.origins?.includes(origin) === false) rejectUpgrade(socket, 403);
    else upgrader.handleUpgrade(request, socket, head, (ws) => rules.accept(ws, socket));
  };
  server.on('upgrade', listener);
  return () => server.off('upgrade', listener);
}

/** Answers an upgrade with an HTTP status and closes the socket. */
export function rejectUpgrade(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

/**
 * Leaves an upgrade to the server's other `upgrade` listeners. If there are none, the application gets it as an ordinary
 * request, as Node would do without our listener.
 */
export function leaveToOthers(server: HttpServer | HttpsServer): UpgradeRules['decline'] {
  return (request, socket) => {
    if (server.listenerCount('upgrade') > 1) return;
    socket.on('error', () => socket.destroy());
    if (!(socket instanceof Socket)) {
      rejectUpgrade(socket, 404);
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.end());
    server.emit('request', request, response);
  };
}

/** The path of a request, without the query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}
