import { defer, filter, map, type Observable } from 'rxjs';
import { match, P } from 'ts-pattern';

import type { CommError } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Endpoint } from '../endpoint.js';
import type { LifecycleEvent } from '../lifecycle.js';
import { diagnose } from '../monitor/diagnose.js';
import { hideSecrets } from '../monitor/hide-secrets.js';
import { describeEvent } from '../monitor/reported-event.js';
import type { ReceivedMessage } from '../received-message.js';
import type { Connection } from '../transport/connection.js';
import { ConnectionLimitError } from '../transport/connection-limiter.js';
import type { Output } from './printer.js';
import { textOfPayload } from './text-of-payload.js';

/** The lifecycle of a communicator in the words of the command. */
export function narrate(communicator: Communicator): Observable<Output> {
  return withoutEnds(communicator.lifecycle$).pipe(
    map(outputOf),
    filter((output) => output !== undefined),
  );
}

/** The messages of an app ID in the words of the command. */
export function narrateMessages(communicator: Communicator, appId: number): Observable<Output> {
  return communicator.messages(appId).pipe(map(tellMessage));
}

/** Without the ends of connections that were refused: the refusal has told the reason. */
function withoutEnds(event$: Observable<LifecycleEvent>): Observable<LifecycleEvent> {
  return defer(() => {
    const refused = new WeakSet<Connection>();
    return event$.pipe(
      filter((event) => {
        if (event.type === 'refused') refused.add(event.connection);
        return event.type !== 'disconnected' || !refused.has(event.connection);
      }),
    );
  });
}

/** What to print about an event; `undefined` for what is no news, or what another event says. */
function outputOf(event: LifecycleEvent): Output | undefined {
  return (
    match(event)
      .returnType<Output | undefined>()
      .with({ type: 'listening' }, ({ url }) => ({ event: 'listening', url }))
      .with({ type: 'endpoint' }, ({ endpoint }) => tellEndpoint(endpoint))
      .with({ type: P.union('handshake-failed', 'limited', 'refused', 'evicted', 'dropped') }, (notice) => ({
        event: 'notice',
        type: notice.type,
        message: describeEvent(notice),
      }))
      .with({ type: 'retrying', error: P.nonNullable }, ({ error, delayMs }) => ({
        ...tellAttempt(error),
        retryMs: Math.round(delayMs),
      }))
      .with({ type: 'callback-error' }, ({ error }) => tellError(error))
      // One `limited` event stands for many such connections.
      .with({ type: 'disconnected', error: P.instanceOf(ConnectionLimitError) }, () => undefined)
      .with({ type: 'disconnected', error: P.nonNullable }, ({ error }) => tellError(error))
      .with({ type: P.union('connected', 'retrying', 'disconnected') }, () => undefined)
      .exhaustive()
  );
}

function tellError({ code, message }: CommError): Extract<Output, { event: 'error' }> {
  return { event: 'error', code, message };
}

/** Why an attempt failed and what to do, in plain words before those of the system. */
function tellAttempt(error: CommError): Extract<Output, { event: 'error' }> {
  const { diagnosis, text } = diagnose(error);
  return { event: 'error', code: error.code, message: `${text} (${error.message})`, diagnosis };
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
    properties: hideSecrets(properties),
  };
}

/** A message in the words of the command. */
export function tellMessage({ endpoint, appId, message: { headers, payload } }: ReceivedMessage): Output {
  const bytes = payload?.length ?? 0;
  return {
    event: 'message',
    from: endpoint.name,
    app: appId,
    headers: headers === undefined ? null : hideSecrets(headers),
    bytes,
    text: textOfPayload(payload),
  };
}
