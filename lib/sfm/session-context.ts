import type { Endpoint } from '../endpoint.js';
import type { ResolvedOptions } from '../options.js';
import type { Connection } from '../transport/connection.js';
import type { Mode } from '../transport/driver.js';
import type { MessageRouter } from './message-router.js';

/** What a session needs to know of its surroundings. */
export interface SessionContext {
  readonly local: Endpoint;
  readonly options: ResolvedOptions;
  readonly router: MessageRouter;
}

/** What a session needs to know of its connector. */
export interface SessionRole {
  readonly handle: string;
  /** Of its URL. */
  readonly scheme: string;
  readonly mode: Mode;
  /** When we began to connect, in milliseconds since 1970. Absent where the peer did. */
  readonly attemptedAt?: number | undefined;
  /** The peer's certificate must fit its name. */
  readonly mtls: boolean;
  /** The transport can lose a peer without a sign, and NVFlare may answer out of order on it. */
  readonly heartbeat: boolean;
  /** Hears of the session. Default: nobody does. */
  readonly connector?: SessionConnector;
}

/** A connector as its sessions know it. */
export interface SessionConnector {
  /** The peer has said who it is. */
  greeted(connection: Connection): void;
  /** The peer is no stranger any more. */
  handshakeDone(connection: Connection): void;
  /** It makes no more connections. */
  halt(): void;
}
