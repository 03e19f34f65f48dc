import type { ClusterInput, Losses } from '../cluster-contract.js';
import type { CommError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { LifecycleEvent } from '../lifecycle.js';
import type { Flaps } from './flap-damping.js';
import type { Peer } from './peer.js';
import type { Session } from './session.js';
import type { SessionLife } from './session-life.js';
import { SnapshotMap } from './snapshot-map.js';

/** A remote endpoint, with what belongs to it. */
export interface Seat {
  readonly endpoint: Endpoint;
  /** What sends to it. */
  readonly peer: Peer;
  /** Its one live connection, where that is ours. */
  readonly session: Session | undefined;
  /** The replica that has its connection, where that is another one. */
  readonly replica: string | undefined;
  /** How often newcomers took the name. */
  readonly flaps: Flaps;
  /** It is forgotten when its connection has ended. */
  readonly isRemoved: boolean;
  /** Its key in `World.gone`, while it is DISCONNECTED. */
  readonly goneKey: number | undefined;
}

/** What comes in: the lives of sessions, what the application asks for, and what other parts report. */
export type Input =
  | SessionLife
  | ClusterInput
  /** A session is to end in good order: no more messages, what waits is written, then it is closed. */
  | { readonly type: 'retire'; readonly session: Session }
  /** The same for the session of an endpoint, which is forgotten then. */
  | { readonly type: 'remove'; readonly name: string }
  /** Endpoints without a connection are to be forgotten. */
  | { readonly type: 'forget'; readonly names: ReadonlySet<string> }
  /** A session is to be closed: flushed first, or at once with a reason. */
  | { readonly type: 'close'; readonly session: Session; readonly reason?: CommError }
  /** Something happened elsewhere. */
  | { readonly type: 'report'; readonly event: LifecycleEvent };

/** What is to be done after a step, in this order. */
export type Effect =
  | { readonly type: 'tell'; readonly event: LifecycleEvent }
  /** Let a peer in: answer its handshake. */
  | {
      readonly type: 'welcome';
      readonly session: Session;
      readonly endpoint: Endpoint;
      readonly peer: Peer;
    }
  | { readonly type: 'ping'; readonly session: Session }
  | { readonly type: 'settle'; readonly session: Session }
  /** Let what was sent to an endpoint go out on a session; without one, it waits. */
  | { readonly type: 'route'; readonly peer: Peer; readonly session: Session | undefined }
  /** Close a session when what waits for it is written, or at once after `drainTimeoutMs`. */
  | { readonly type: 'drain'; readonly session: Session; readonly peer: Peer | undefined }
  | { readonly type: 'close'; readonly session: Session; readonly reason?: CommError | undefined }
  /** Close a session that may not come in, and tell its peer so. */
  | {
      readonly type: 'refuse';
      readonly session: Session;
      readonly reason: CommError;
      readonly told: string | undefined;
    }
  /** Let the connector of a session know that its peer has said who it is, or that the handshake is done. */
  | { readonly type: 'note-greeted' | 'note-ready'; readonly session: Session }
  /** Let the connector of a session make no more connections. */
  | { readonly type: 'give-up'; readonly session: Session }
  /** Add up what an ended session carried, and tell what was lost with it. */
  | {
      readonly type: 'account';
      readonly session: Session;
      readonly endpointName: string;
      /** `undefined` where the endpoint is forgotten already. */
      readonly peer: Peer | undefined;
      /** It was the live session, so what waits for the endpoint is lost too. */
      readonly wasLive: boolean;
    }
  /** Give other replicas back what they sent to an endpoint that is not here any more. */
  | { readonly type: 'return-relayed'; readonly peer: Peer }
  /** Let what was sent to an endpoint go to the replica that has it. */
  | { readonly type: 'route-away'; readonly peer: Peer }
  /** Tell the cluster that an endpoint is not here any more. */
  | { readonly type: 'release'; readonly endpointName: string }
  /** Let another replica close the connection of an endpoint, when what waits for it is there. */
  | { readonly type: 'remove-away'; readonly endpointName: string; readonly peer: Peer }
  /** Tell a closing replica when it has what waits for its endpoints. */
  | { readonly type: 'hand-over'; readonly replica: string; readonly peers: readonly Peer[] }
  /** Tell what was lost with the connection of an endpoint at another replica, and what waits for it. */
  | {
      readonly type: 'account-away';
      readonly endpointName: string;
      /** `undefined` where the endpoint is forgotten already. */
      readonly peer: Peer | undefined;
      /** What was on its way; `undefined` where that is told later, and what waits is lost. */
      readonly lost: Losses | undefined;
    }
  /** Take another input. */
  | { readonly type: 'then'; readonly input: Input };

/** All that is known of remote endpoints at one moment, and what the step that led to it leaves to be done. */
export interface World {
  readonly seats: SnapshotMap<string, Seat>;
  /** The endpoints of the seats. */
  readonly endpoints: SnapshotMap<string, Endpoint>;
  /** The names of DISCONNECTED endpoints; the longest gone has the lowest key. */
  readonly gone: SnapshotMap<number, string>;
  readonly nextGoneKey: number;
  /** The names of the endpoints that this step changed. */
  readonly changed: readonly string[];
  readonly effects: readonly Effect[];
}

/** Before the first connection. */
export const EMPTY_WORLD: World = {
  seats: SnapshotMap.empty(),
  endpoints: SnapshotMap.empty(),
  gone: SnapshotMap.empty(),
  nextGoneKey: 0,
  changed: [],
  effects: [],
};
