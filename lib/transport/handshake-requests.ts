import type { HandshakeRequest } from '../verify-endpoint.js';
import type { Connection } from './connection.js';

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
