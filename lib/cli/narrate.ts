import { EMPTY, map, mergeMap, type Observable, of } from 'rxjs';
import { match } from 'ts-pattern';

import type { Communicator } from '../communicator.js';
import type { Endpoint } from '../endpoint.js';
import type { LifecycleEvent } from '../lifecycle.js';
import type { ReceivedMessage } from '../received-message.js';
import { ConnectionLimitError } from '../transport/connection-limiter.js';
import type { Output } from './printer.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The lifecycle of a communicator in the words of the command. */
export function narrate(communicator: Communicator): Observable<Output> {
  return communicator.lifecycle$.pipe(mergeMap((event) => tell(event)));
}

/** The messages of an app ID in the words of the command. */
export function narrateMessages(communicator: Communicator, appId: number): Observable<Output> {
  return communicator.messages(appId).pipe(map(tellMessage));
}

function tell(event: LifecycleEvent): Observable<Output> {
  return (
    match(event)
      .returnType<Observable<Output>>()
      .with({ type: 'listening' }, ({ url }) => of({ event: 'listening', url }))
      .with({ type: 'endpoint' }, ({ endpoint }) => of(tellEndpoint(endpoint)))
      .with({ type: 'retrying' }, ({ error, delayMs }) =>
        error === undefined
          ? EMPTY
          : of({ event: 'error', code: error.code, message: error.message, retryMs: Math.round(delayMs) }),
      )
      .with({ type: 'disconnected' }, ({ error }) =>
        // A limit is told by an event of its own, which a flood cannot repeat for each connection.
        error === undefined || error instanceof ConnectionLimitError
          ? EMPTY
          : of({ event: 'error', code: error.code, message: error.message }),
      )
      .with({ type: 'limited' }, ({ message, connections }) =>
        of({ event: 'notice', message: `${message} (${connections} so far)` }),
      )
      .with({ type: 'evicted' }, ({ message }) => of({ event: 'notice', message }))
      .with({ type: 'dropped' }, ({ reason, messages, bytes, endpointName }) =>
        of({
          event: 'notice',
          message: `${messages} messages (${bytes} bytes) of ${endpointName} dropped: ${reason}`,
        }),
      )
      .with({ type: 'callback-error' }, ({ error }) =>
        of({ event: 'error', code: error.code, message: error.message }),
      )
      // What ends with an error is told as disconnected.
      .with({ type: 'connected' }, { type: 'refused' }, () => EMPTY)
      .exhaustive()
  );
}

function tellEndpoint({ name, state, properties, connProps }: Endpoint): Output {
  const { peer_addr, peer_cn, tls } = connProps;
  return {
    event: 'endpoint',
    name,
    state,
    address: String(peer_addr),
    ...(typeof peer_cn === 'string' ? { peerCn: peer_cn } : {}),
    ...(typeof tls === 'string' ? { tls } : {}),
    properties,
  };
}

function tellMessage({ endpoint, appId, message: { headers, payload } }: ReceivedMessage): Output {
  const bytes = payload?.length ?? 0;
  return {
    event: 'message',
    from: endpoint.name,
    app: appId,
    headers: headers ?? null,
    bytes,
    text: readText(payload),
  };
}

function readText(payload: Uint8Array | undefined): string | null {
  try {
    return payload === undefined ? '' : decoder.decode(payload);
  } catch {
    return null; // Not UTF-8, so there is no text to show.
  }
}
