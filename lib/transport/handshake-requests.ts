import type { Connection } from './connection.js';

/**
 * The HTTP request that a WebSocket, or the stream of a gRPC call, began with. It has cookies and credentials, so it is
 * shown to `verifyEndpoint` and to nobody else, and kept no longer.
 */
export interface HandshakeRequest {
  /** Path and query, as they came. */
  readonly url: string;
  /** By lower-case name, as Node has them; the metadata of a gRPC call. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The address of the client. Behind proxies it is that of the proxy, unless `trustedProxies` names it. */
  readonly remoteAddress: string;
  /** Node's `IncomingMessage` for middleware such as `express-session`; `undefined` for gRPC. */
  readonly raw: unknown;
}

/**
 * The HTTP requests of connections that nobody has decided about. They hold cookies and credentials, so they are no part of
 * a connection, which events show.
 */
const requests = new WeakMap<Connection, HandshakeRequest>();

/** Keeps the request that a connection began with, for `verifyEndpoint`. */
export function keepRequest(connection: Connection, request: HandshakeRequest): void {
  requests.set(connection, request);
}

/** Takes the request of a connection, and keeps it no longer. */
export function takeRequest(connection: Connection): HandshakeRequest | undefined {
  const request = requests.get(connection);
  requests.delete(connection);
  return request;
}
