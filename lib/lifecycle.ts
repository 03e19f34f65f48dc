import type { CommError } from './comm-error.js';
import type { Endpoint } from './endpoint.js';
import type { Tally } from './stats.js';
import type { Connection } from './transport/connection.js';
import type { ConnectorEvent } from './transport/connector-event.js';

export type {
  HandshakeFailedEvent,
  LimitedEvent,
  ListeningEvent,
  RetryingEvent,
} from './transport/connector-event.js';

/** A change of state of a remote endpoint. Monitors hear of these. */
export interface EndpointEvent {
  readonly type: 'endpoint';
  readonly endpoint: Endpoint;
  /** The connection that made the change. Absent where another replica of the cluster has it. */
  readonly connection?: Connection;
  /** The ID of the replica that has, or had, the connection. Absent where that is this one. */
  readonly replica?: string;
}

/** A connection exists, and its handshake begins. */
export interface ConnectedEvent {
  readonly type: 'connected';
  readonly handle: string;
  readonly connection: Connection;
  /** When we began to connect, in milliseconds since 1970. Absent where the peer did. */
  readonly attemptedAt?: number;
}

/** A connection ended: after its handshake, or because the peer was refused. */
export interface DisconnectedEvent {
  readonly type: 'disconnected';
  readonly handle: string;
  readonly connection: Connection;
  /** The name of the peer, once it was known. */
  readonly endpointName?: string;
  /** Why; absent after a clean end. */
  readonly error?: CommError;
}

/**
 * One side does not let the other in: by `verifyEndpoint`, because the name is taken, or because it does not fit the
 * certificate. The connection is closed; of our reasons the peer learns what `tellPeer` of the verdict says, and nothing
 * else.
 */
export interface RefusedEvent {
  readonly type: 'refused';
  /** Who refused: we did, or the peer refused us. */
  readonly by: 'us' | 'peer';
  readonly handle: string;
  readonly connection: Connection;
  /** The peer, as it presented itself. Absent where the peer refused us, which it does before that. */
  readonly endpointName?: string;
  readonly peerAddr: string;
  /** Ours; or what the peer told, which is empty where it tells nothing, and comes from outside: escape it. */
  readonly reason: string;
}

/** A second connection under a live name: the newcomer stays, the older connection is closed. */
export interface EvictedEvent {
  readonly type: 'evicted';
  readonly endpointName: string;
  readonly evicted: Connection;
  /** Absent where another replica of the cluster has it. */
  readonly newcomer?: Connection;
  /** The ID of the replica that has the newcomer. Absent where that is this one. */
  readonly replica?: string;
  /** How often this has happened to the name, each time within a minute of the one before. */
  readonly count: number;
  /** Names the address of both, or of the one that is here, in plain words. */
  readonly message: string;
}

/**
 * A connection ended before all messages that `send` accepted were with the operating system. Heartbeats are not
 * counted. What the operating system had confirmed before may be lost with it too, which no side can tell: a sender
 * that must know asks its receiver for an answer.
 */
export interface UndeliveredEvent {
  readonly type: 'dropped';
  readonly reason: 'disconnected';
  readonly endpointName: string;
  /** They certainly did not go out: they can be sent again without arriving twice. */
  readonly undelivered: Tally;
  /** The operating system had them and has not confirmed them: sent again, they may arrive twice. */
  readonly unknown: Tally;
}

/** Messages arrived for an app ID that nobody listens to. The event comes at 1, 2, 4, 8, ... messages. */
export interface UnclaimedEvent {
  readonly type: 'dropped';
  readonly reason: 'no-receiver';
  /** The sender of the last one. */
  readonly endpointName: string;
  readonly appId: number;
  /** Since the start. */
  readonly messages: number;
  readonly bytes: number;
}

/** Messages that no receiver of the other side, or of this side, gets. */
export type DroppedEvent = UndeliveredEvent | UnclaimedEvent;

/** A receiver, monitor or `verifyEndpoint` of the user threw, or its promise was rejected. */
export interface CallbackErrorEvent {
  readonly type: 'callback-error';
  readonly callback: 'receiver' | 'monitor' | 'verifyEndpoint';
  /** The error, with what was thrown as its cause. */
  readonly error: CommError;
}

/** The cluster of this replica changes. Nothing comes while it joins, and after it has left. */
export interface ClusterEvent {
  readonly type: 'cluster';
  /**
   * - `disconnected`, `connected`: NATS goes, or is back and all endpoints of the others are known again
   * - `replica-joined`: another replica is there
   * - `replica-left`, `replica-gone`: it has said that it leaves, or been silent for too long
   * - `replica-differs`: another replica has options that must be the same at all; told once for each, and again where it was gone in between
   */
  readonly change:
    'disconnected' | 'connected' | 'replica-joined' | 'replica-left' | 'replica-gone' | 'replica-differs';
  /** The ID of the other replica. */
  readonly replica?: string;
  /** What it means, in plain words. */
  readonly message: string;
}

/** Everything that happens to connectors, connections and endpoints, in order. */
export type LifecycleEvent =
  | ConnectorEvent
  | EndpointEvent
  | ConnectedEvent
  | DisconnectedEvent
  | RefusedEvent
  | EvictedEvent
  | DroppedEvent
  | CallbackErrorEvent
  | ClusterEvent;
