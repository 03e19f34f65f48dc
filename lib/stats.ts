import type { EndpointState } from './endpoint.js';

/** How many messages, and how many bytes they take on the wire. */
export interface Tally {
  readonly messages: number;
  readonly bytes: number;
}

/** The upper bounds of the bins of a {@link SendTimes} histogram, in milliseconds. One more bin has what is longer. */
export const SEND_TIME_BOUNDS_MS: readonly number[] = [
  0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
];

/**
 * How long messages took from `send` until the operating system had them, as a histogram. A sample: while one
 * message is on its way, those behind it are not timed.
 */
export interface SendTimes {
  /** How many were timed. */
  readonly count: number;
  /** Together. */
  readonly sumMs: number;
  readonly maxMs: number;
  /** How many fell in each bin; bin `i` ends at `SEND_TIME_BOUNDS_MS[i]`. */
  readonly bins: readonly number[];
}

/** What went over one connection. Heartbeats and handshakes are not counted as messages. */
export interface ConnectionStats {
  /** `CN00001`. */
  readonly name: string;
  /** The connector it came of. */
  readonly handle: string;
  /** Of the connector's URL: `tcp`. */
  readonly scheme: string;
  /** The peer, once the handshake is done. */
  readonly endpointName?: string;
  readonly localAddr: string;
  readonly peerAddr: string;
  /** The TLS version, where it is encrypted. */
  readonly tls?: string;
  readonly sent: Tally;
  readonly received: Tally;
  /** Handed to the connection and not with the operating system yet, with heartbeats. */
  readonly buffered: Tally;
  /** What unfinished receivers hold. */
  readonly pendingBytes: number;
  /** Reading is paused, so that receivers can catch up. */
  readonly isPaused: boolean;
}

/** What went to and from one endpoint, over all its connections so far. */
export interface EndpointStats {
  readonly name: string;
  readonly state: EndpointState;
  /** Handed to a connection. */
  readonly sent: Tally;
  readonly received: Tally;
  /** Accepted by `send` and not with the operating system yet. */
  readonly queued: Tally;
  /** Accepted by `send`, and lost because the connection ended. */
  readonly dropped: Tally;
  /** Received for an app ID that nobody listens to. */
  readonly unclaimed: Tally;
  readonly sendTimes: SendTimes;
}

/** A picture of a communicator at one moment: plain data, ready for JSON. */
export interface CommunicatorStats {
  /** The local endpoint. */
  readonly name: string;
  /** When it was taken, in milliseconds since 1970. */
  readonly at: number;
  readonly endpoints: readonly EndpointStats[];
  readonly connections: readonly ConnectionStats[];
}
