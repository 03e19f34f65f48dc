import type { EndpointState } from './endpoint.js';

/** How many messages, and how many bytes they take on the wire. */
export interface Tally {
  readonly messages: number;
  readonly bytes: number;
}

/** No messages. */
export const NOTHING: Tally = { messages: 0, bytes: 0 };

/** The sum of two tallies. */
export function addTallies(one: Tally, other: Tally): Tally {
  return { messages: one.messages + other.messages, bytes: one.bytes + other.bytes };
}

/** Upper bounds of the bins of a {@link SendTimes} histogram, in milliseconds. One more bin counts longer times. */
export const SEND_TIME_BOUNDS_MS: readonly number[] = [
  0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
];

/**
 * Histogram of the times that messages took from `send` until they were handed to the operating system. It is a
 * sample: one message is timed at a time, those sent before it is written are not.
 */
export interface SendTimes {
  /** How many messages were timed. */
  readonly count: number;
  /** Sum of all timed messages, in milliseconds. */
  readonly sumMs: number;
  /** The longest time, in milliseconds. */
  readonly maxMs: number;
  /** How many messages fell into each bin; bin `i` ends at `SEND_TIME_BOUNDS_MS[i]`, inclusive. */
  readonly bins: readonly number[];
}

/** Traffic of one connection. Heartbeats and handshakes do not count as messages. */
export interface ConnectionStats {
  /** Name of the connection, such as `CN00001`. */
  readonly name: string;
  /** Handle of its connector, such as `CH00001`. */
  readonly handle: string;
  /** Scheme of the connector's URL, such as `tcp`. */
  readonly scheme: string;
  /** Name of the peer; absent before the handshake is complete. */
  readonly endpointName?: string;
  readonly localAddr: string;
  readonly peerAddr: string;
  /** The TLS version; absent without TLS. */
  readonly tls?: string;
  readonly sent: Tally;
  readonly received: Tally;
  /** Frames handed to the connection but not yet to the operating system, heartbeats included. */
  readonly buffered: Tally;
  /** The memory that receivers hold until their promises settle, in bytes. */
  readonly pendingBytes: number;
  /** Whether reading is paused. */
  readonly isPaused: boolean;
}

/** Traffic of one endpoint, over all its connections so far. */
export interface EndpointStats {
  readonly name: string;
  readonly state: EndpointState;
  /** The ID of the replica that it is connected to, or was last; absent where that is this one, or there is no cluster. */
  readonly replica?: string;
  /** True for an endpoint that says that it only watches, by `WATCHER_PROPERTIES`; absent for any other. */
  readonly isWatcher?: true;
  /** Messages handed to a connection. */
  readonly sent: Tally;
  readonly received: Tally;
  /** Messages that `send` accepted and that are not yet handed to the operating system. */
  readonly queued: Tally;
  /** Messages that `send` accepted and that certainly did not go out, since their connection ended. */
  readonly undelivered: Tally;
  /** Messages that the operating system had not confirmed when their connection ended: they may have arrived. */
  readonly unknown: Tally;
  /** Messages received for an app ID without a receiver or subscriber. */
  readonly unclaimed: Tally;
  readonly sendTimes: SendTimes;
}

/** What one replica of a cluster sent to another: the messages for endpoints and receivers there, without the protocol's own. */
export interface HopStats extends Tally {
  /** The ID of the replica that it went to. */
  readonly to: string;
}

/** One replica of a cluster, as another one, or itself, knows it. */
export interface ReplicaStats {
  readonly id: string;
  /** It is about to stop: nothing more is sent to its endpoints. */
  readonly isClosing: boolean;
  /** How many endpoints are connected to it, watchers apart, as the directory in NATS has it. */
  readonly endpoints: number;
  /**
   * What it sent to the other replicas that live; one without traffic is left out. Exact at this moment: all of the replica
   * that tells this, and what reached that one. Of what others sent to each other: as of their last sign of life, which each
   * gives every quarter of `replicaTimeoutMs`, and at most the 32 hops with the most bytes of each.
   */
  readonly sentTo: readonly HopStats[];
}

/** The replicas of a cluster, as one of them knows them. */
export interface ClusterStats {
  /** The name of the cluster. */
  readonly name: string;
  /** The ID of the replica that tells this. */
  readonly replica: string;
  /** Whether NATS is there, and all endpoints of the others are known. */
  readonly isConnected: boolean;
  /** How many messages of NATS this replica dropped, since they were broken or forged. */
  readonly rejected: number;
  /** What this replica sent to all others, and received from them, those that are gone included. */
  readonly sent: Tally;
  readonly received: Tally;
  /** Those that live, by ID, this one included; none after `stop`. */
  readonly replicas: readonly ReplicaStats[];
}

/** A snapshot of a communicator: plain data, ready for JSON. */
export interface CommunicatorStats {
  /** Name of the local endpoint. */
  readonly name: string;
  /** When the snapshot was taken, in milliseconds since 1970 (the scheduler's clock). */
  readonly at: number;
  readonly endpoints: readonly EndpointStats[];
  readonly connections: readonly ConnectionStats[];
  /** Absent where it is no replica of a cluster. */
  readonly cluster?: ClusterStats;
}
