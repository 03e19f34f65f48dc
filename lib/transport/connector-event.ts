import type { CommError } from '../comm-error.js';
import type { ConnectionLimit } from './connection-limiter.js';
import type { Mode } from './driver.js';

/** A passive connector is bound. */
export interface ListeningEvent {
  readonly type: 'listening';
  readonly handle: string;
  /** With the real port, where port 0 was asked for. */
  readonly url: string;
}

/** A connector ended and will be started again. */
export interface RetryingEvent {
  readonly type: 'retrying';
  readonly handle: string;
  readonly url: string;
  readonly mode: Mode;
  readonly delayMs: number;
  /**
   * When the attempt to connect began that failed, in milliseconds since 1970. Absent where a connection had been made,
   * and for a listener.
   */
  readonly attemptedAt?: number;
  /** Why it ended; absent after a clean end. */
  readonly error?: CommError;
}

/**
 * A listener is at one of its limits and has closed a connection: the oldest without a handshake, or the newcomer.
 * Told at 1, 2, 4, 8, ... of them for each limit, so that a flood stays quiet.
 */
export interface LimitedEvent {
  readonly type: 'limited';
  readonly handle: string;
  readonly url: string;
  /** The option that says how many there may be. */
  readonly limit: ConnectionLimit;
  /** Where the last one came from. */
  readonly peerAddr: string;
  /** How many this limit has closed since the connector was added. */
  readonly connections: number;
  /** The same in plain words. */
  readonly message: string;
}

/**
 * The TLS handshake of a peer with a listener failed, or a page asked for a WebSocket whose origin is not one of
 * `origins` (`error.code` is `REFUSED`). Of many, each listener reports one a second, so that a flood
 * stays quiet: the last one, and how many there have been.
 */
export interface HandshakeFailedEvent {
  readonly type: 'handshake-failed';
  readonly handle: string;
  readonly url: string;
  /** Where the last one came from. */
  readonly peerAddr: string;
  /** Why the last one failed. It names the URL and the address. */
  readonly error: CommError;
  /** How many have failed since the connector was added. */
  readonly connections: number;
}

/** What happens to connectors. */
export type ConnectorEvent = ListeningEvent | RetryingEvent | LimitedEvent | HandshakeFailedEvent;
