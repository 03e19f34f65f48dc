import { match } from 'ts-pattern';

import type { CommErrorCode, CommErrorDetail } from '../comm-error.js';
import type { ClusterEvent, LifecycleEvent } from '../lifecycle.js';
import type { Tally } from '../stats.js';
import type { ConnectionLimit } from '../transport/connection-limiter.js';

/** The events of which `rxflare` prints a notice. */
export type Noticed = Extract<
  LifecycleEvent,
  { readonly type: 'handshake-failed' | 'limited' | 'refused' | 'evicted' | 'dropped' | 'cluster' }
>;

/** What a notice says, for programs. */
export interface NoticeFacts {
  /** Of the listener. */
  readonly url?: string;
  /** Where the peer is; of an eviction the newcomer, of several the last one. */
  readonly peerAddr?: string;
  /** The name that the peer gives itself. */
  readonly endpointName?: string;
  readonly code?: CommErrorCode;
  readonly detail?: CommErrorDetail;
  /** How often it has happened: since the listener was added, or to that name in a row. */
  readonly count?: number;
  /** Who refused. */
  readonly by?: 'us' | 'peer';
  readonly reason?: string;
  readonly limit?: ConnectionLimit;
  /** Where the connection came from that was closed for the newcomer. */
  readonly evictedAddr?: string;
  /** Of the cluster. */
  readonly change?: ClusterEvent['change'];
  /** The ID of another replica. */
  readonly replica?: string;
  readonly app?: number;
  /** Of the messages that no receiver took. */
  readonly bytes?: number;
  readonly undelivered?: Tally;
  /** What may have arrived. */
  readonly unknown?: Tally;
}

/** The facts of a notice. */
export function factsOf(event: Noticed): NoticeFacts {
  return match(event)
    .returnType<NoticeFacts>()
    .with({ type: 'handshake-failed' }, ({ url, peerAddr, error: { code, detail }, connections }) => ({
      url,
      peerAddr,
      code,
      ...(detail === undefined ? {} : { detail }),
      count: connections,
    }))
    .with({ type: 'limited' }, ({ url, peerAddr, limit, connections }) => ({
      url,
      peerAddr,
      limit,
      count: connections,
    }))
    .with({ type: 'refused' }, ({ by, peerAddr, endpointName, reason }) => ({
      by,
      peerAddr,
      ...(endpointName === undefined ? {} : { endpointName }),
      code: 'REFUSED',
      reason,
    }))
    .with({ type: 'evicted' }, ({ endpointName, evicted, newcomer, replica, count }) => ({
      endpointName,
      ...(newcomer === undefined ? {} : { peerAddr: newcomer.properties.peer_addr }),
      ...(replica === undefined ? {} : { replica }),
      evictedAddr: evicted.properties.peer_addr,
      count,
    }))
    .with({ type: 'cluster' }, ({ change, replica }) => ({
      change,
      ...(replica === undefined ? {} : { replica }),
    }))
    .with({ type: 'dropped', reason: 'disconnected' }, ({ endpointName, undelivered, unknown }) => ({
      endpointName,
      undelivered,
      unknown,
    }))
    .with({ type: 'dropped', reason: 'no-receiver' }, ({ endpointName, appId, messages, bytes }) => ({
      endpointName,
      app: appId,
      count: messages,
      bytes,
    }))
    .exhaustive();
}
