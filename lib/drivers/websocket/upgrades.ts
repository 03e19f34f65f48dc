import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import type { AttachableServer } from './attached-server.js';
import { WS_OPTIONS } from './ws-options.js';
import { type WebSocket, WebSocketServer } from './ws.js';

/** What a listener does with the upgrades of its path. */
export interface UpgradeRoute {
  /** The allowed origins of browsers; `undefined` for all. */
  readonly origins: readonly string[] | undefined;
  /** Called for each page of another origin, before its upgrade is answered with 403. */
  forbid(origin: string, socket: Duplex): void;
  /** Called with each new WebSocket. */
  accept(ws: WebSocket, socket: Duplex, request: IncomingMessage): void;
}

/** Called for each upgrade of a path that has no route, with what came behind its headers. */
export type DeclineUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Accepts the WebSocket upgrades of an HTTP server whose path has a route. Returns a function that stops it. */
export function takeUpgrades(
  server: AttachableServer,
  find: (path: string) => UpgradeRoute | undefined,
  decline: DeclineUpgrade,
): () => void {
  const upgrader = new WebSocketServer({ ...WS_OPTIONS, noServer: true, clientTracking: false });
  const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { origin } = request.headers;
    const route = find(pathOf(request));
    if (route === undefined) decline(request, socket, head);
    else if (origin !== undefined && route.origins?.includes(origin) === false) {
      route.forbid(origin, socket);
      rejectUpgrade(socket, 403);
    } else upgrader.handleUpgrade(request, socket, head, (ws) => route.accept(ws, socket, request));
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

/** The path of a request, without the query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}
