import { match, P } from 'ts-pattern';

import type { CommError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { LifecycleEvent, UndeliveredEvent } from '../lifecycle.js';
import { oneLine } from '../quoted.js';
import type { Tally } from '../stats.js';
import type { Connection } from '../transport/connection.js';

/** A lifecycle event as plain data, ready for JSON. */
export interface ReportedEvent {
  /** The time of the event, in milliseconds since 1970. */
  readonly at: number;
  /** The type of the event. A later version may report others. */
  readonly type: LifecycleEvent['type'];
  /** What happened, in one line of plain words. Names and reasons in it are those of peers: escape what you print. */
  readonly text: string;
  /** The endpoint concerned, if any. */
  readonly endpointName?: string;
  /** The code of the error that caused it, if any. */
  readonly code?: string;
  /** Where it listens, with the real port: of `listening` alone. */
  readonly url?: string;
  /** True where that endpoint is a watcher; absent otherwise. */
  readonly isWatcher?: true;
}

/** A lifecycle event as plain data. `at` is the time of the event, in milliseconds since 1970. */
export function reportEvent(event: LifecycleEvent, at: number): ReportedEvent {
  const url = event.type === 'listening' ? { url: event.url } : {};
  return { at, type: event.type, text: describeEvent(event), ...endpointOf(event), ...codeOf(event), ...url };
}

/** What happened, in one line of plain words. */
export function describeEvent(event: LifecycleEvent): string {
  return match(event)
    .with({ type: 'listening' }, ({ url }) => `listening on ${url}`)
    .with({ type: 'retrying' }, ({ url, delayMs, error }) =>
      withReason(`${url} is tried again in ${(delayMs / 1_000).toFixed(1)} s`, error),
    )
    .with({ type: 'connected' }, ({ connection }) => `${describeConnection(connection)} opened`)
    .with({ type: 'endpoint' }, ({ endpoint }) => describeEndpoint(endpoint))
    .with({ type: 'disconnected' }, ({ connection, endpointName, error }) =>
      withReason(`${describeConnection(connection)} of ${endpointName ?? 'a stranger'} closed`, error),
    )
    .with(
      { type: 'refused', by: 'us' },
      ({ endpointName = 'a stranger', peerAddr, reason }) =>
        `${endpointName} (${peerAddr}) may not join: ${reason}`,
    )
    .with(
      { type: 'refused', by: 'peer' },
      ({ peerAddr, reason }) =>
        `${peerAddr} refuses us: ${reason === '' ? 'it does not tell why' : oneLine(reason)}`,
    )
    .with(
      { type: 'handshake-failed' },
      ({ error, connections }) => `${error.message} (${connections} so far)`,
    )
    .with({ type: 'limited' }, ({ message, connections }) => `${message} (${connections} so far)`)
    .with({ type: P.union('evicted', 'cluster') }, ({ message }) => message)
    .with({ type: 'dropped', reason: 'disconnected' }, describeUndelivered)
    .with(
      { type: 'dropped', reason: 'no-receiver' },
      ({ messages, bytes, endpointName, appId }) =>
        `${messages} messages (${bytes} bytes) dropped so far, since app ID ${appId} has no receiver; the last was of ${endpointName}`,
    )
    .with({ type: 'callback-error' }, ({ callback, error }) => `a ${callback} failed: ${error.message}`)
    .exhaustive();
}

function describeEndpoint({ name, state, connProps: { peer_addr, peer_cn, tls } }: Endpoint): string {
  const identity = typeof peer_cn === 'string' ? ` as ${peer_cn}` : '';
  const security = typeof tls === 'string' ? `, ${tls}${identity}` : '';
  return `${name} ${state} (${String(peer_addr)}${security})`;
}

function describeUndelivered({ endpointName, undelivered, unknown }: UndeliveredEvent): string {
  const maybe = unknown.messages === 0 ? '' : `, ${describeTally(unknown)} may have arrived`;
  return `${describeTally(undelivered)} not delivered to ${endpointName}${maybe}: its connection ended`;
}

function describeTally({ messages, bytes }: Tally): string {
  return `${messages} messages (${bytes} bytes)`;
}

function describeConnection({ name, properties }: Connection): string {
  return `${name} (${properties.peer_addr})`;
}

function withReason(text: string, error: CommError | undefined): string {
  return error === undefined ? text : `${text}: ${error.message}`;
}

function endpointOf(event: LifecycleEvent): { readonly endpointName?: string } {
  if (event.type === 'endpoint') return { endpointName: event.endpoint.name };
  const { endpointName } = event as { readonly endpointName?: string };
  return endpointName === undefined ? {} : { endpointName };
}

function codeOf(event: LifecycleEvent): { readonly code?: string } {
  return 'error' in event ? { code: event.error.code } : {};
}
