import { EMPTY, type Observable, type SchedulerLike } from 'rxjs';

import type { Endpoint } from './endpoint.js';
import type { ClusterEvent } from './lifecycle.js';
import type { ReceivedMessage } from './received-message.js';
import type { ClusterStats, Tally } from './stats.js';
import type { EncodedMessage, Sink } from './sink.js';

/** Makes a communicator a replica of a cluster: `cluster` of `rxflare/cluster` gives one. For one communicator only. */
export interface Cluster {
  /**
   * Called once, by the constructor of the communicator.
   *
   * @internal
   */
  join(host: ReplicaHost): Replica;
}

/** An endpoint of another replica: READY there, or gone from there where `endpoint` is absent. */
export interface RemoteChange {
  readonly name: string;
  /** The ID of that replica. */
  readonly replica: string;
  readonly endpoint?: Endpoint | undefined;
}

/** What a cluster tells the loop of its communicator. */
export type ClusterInput =
  | { readonly type: 'remote'; readonly changes: readonly RemoteChange[]; readonly at: number }
  /** Another replica takes a name that is connected here: its session ends. */
  | { readonly type: 'yield'; readonly name: string; readonly replica: string; readonly at: number }
  /** A replica is about to stop: nothing more is sent to its endpoints. */
  | { readonly type: 'replica-closing'; readonly replica: string }
  /** What was on its way to an endpoint of another replica when it went. */
  | ({ readonly type: 'lost'; readonly name: string } & Losses)
  | { readonly type: 'report'; readonly event: ClusterEvent };

/** What is left of accepted messages when their connection ends. */
export interface Losses {
  /** They certainly did not go out. */
  readonly undelivered: Tally;
  /** They were with the operating system, which has not confirmed them: they may have arrived. */
  readonly unknown: Tally;
}

/** Hears what becomes of the messages that it hands to an endpoint for another replica. */
export interface Origin {
  /** One message is with the operating system. */
  written(bytes: number): void;
  /** These will not be. */
  lost(losses: Losses): void;
  /** One was not handed over to a connection, since the endpoint is elsewhere: it has the message again. */
  returned(message: EncodedMessage): void;
}

/** What a cluster needs to know of the options of its communicator. */
export interface ReplicaSettings {
  readonly duplicateName: 'newcomer' | 'incumbent';
  readonly drainTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly highWaterMarkBytes: number;
  readonly maxEndpointProperties: number;
  readonly scheduler: SchedulerLike;
}

/** What a cluster may ask of its communicator. */
export interface ReplicaHost {
  readonly localName: string;
  readonly settings: ReplicaSettings;
  /** Whether a live connection has this name. */
  isHere(name: string): boolean;
  /** Completes when an incumbent connection may lose its name, by the rule of `duplicateName`; errors when it keeps it. */
  contest(name: string): Observable<never>;
  /** Ends the connection of a name that another replica takes. Completes when it has ended. */
  yield(name: string, replica: string): Observable<never>;
  /** A remote endpoint that is known, connected or not. */
  find(name: string): Endpoint | undefined;
  /** Hands a message that arrived at another replica to the receivers here. */
  route(received: ReceivedMessage): void;
  /** Ends the connection of a name in good order, and forgets the endpoint. */
  remove(name: string): void;
  /**
   * Sends a message that another replica accepted. `head` begins with the prefix, and is only valid during the call.
   *
   * @returns false where the endpoint is not READY here
   */
  accept(name: string, head: Uint8Array, payload: Uint8Array | undefined, origin: Origin): boolean;
}

/** A communicator's place in a cluster. */
export interface Replica {
  readonly inputs$: Observable<ClusterInput>;
  /** What IDs begin with that are given out here, so that answers find this replica; empty without a cluster. */
  readonly mark: string;
  /** Passes a message of an endpoint here on to other replicas; answers whether this one gets it too. Absent: it does. */
  readonly spread?: ((received: ReceivedMessage) => boolean) | undefined;
  /** Takes a name for a newcomer: completes when it has it, errors with the CommError that refuses it. */
  claim(endpoint: Endpoint): Observable<never>;
  /** The last connection of a name has ended here. */
  release(name: string): void;
  /** What carries messages to an endpoint of another replica; `undefined` where none has it. */
  sinkTo(name: string): Sink | undefined;
  /** Ends the connection of an endpoint of another replica, behind what was sent to it. */
  remove(name: string): void;
  /** All that was sent to the endpoints of a closing replica is on its way. */
  handedOver(replica: string): void;
  /** Resolves when all endpoints of the other replicas are known; `undefined` where there are none. */
  start(): Promise<void> | undefined;
  /** Lets no more come from other replicas, and resolves when nothing is on its way; `undefined` at once. */
  quiesce(): Promise<void> | undefined;
  /** Completes when all that went to other replicas has arrived there, at most after `drainTimeoutMs`. */
  arrived(): Observable<never>;
  /** Leaves the cluster. */
  leave(): Promise<void>;
  /** The replicas, as this one knows them; `undefined` where there is no cluster. */
  stats(): ClusterStats | undefined;
}

const ALONE: Replica = {
  inputs$: EMPTY,
  mark: '',
  claim: () => EMPTY,
  release: () => undefined,
  sinkTo: () => undefined,
  remove: () => undefined,
  handedOver: () => undefined,
  start: () => undefined,
  quiesce: () => undefined,
  arrived: () => EMPTY,
  leave: () => Promise.resolve(),
  stats: () => undefined,
};

/** No cluster: the communicator is the only one that has its endpoints. */
export const NO_CLUSTER = { join: () => ALONE } satisfies Cluster;
