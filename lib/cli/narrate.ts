import { defer, filter, map, type Observable } from 'rxjs';
import { match, P } from 'ts-pattern';

import type { CommError } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Endpoint } from '../endpoint.js';
import type { LifecycleEvent } from '../lifecycle.js';
import { diagnose } from '../monitor/diagnose.js';
import { hideSecrets } from '../monitor/hide-secrets.js';
import { ProbeError } from '../monitor/probe.js';
import { describeEvent } from '../monitor/reported-event.js';
import type { ReceivedMessage } from '../received-message.js';
import type { Connection } from '../transport/connection.js';
import { ConnectionLimitError } from '../transport/connection-limiter.js';
import { factsOf, type Noticed } from './notice-facts.js';
import type { Output } from './printer.js';
import { textOfPayload } from './text-of-payload.js';
import { isWorker, workerNumber } from './worker.js';

/** The lifecycle of a communicator in the words of the command. */
export function narrate({ lifecycle$ }: Pick<Communicator, 'lifecycle$'>): Observable<Output> {
  return defer(() => {
    const seen = new Seen();
    return lifecycle$.pipe(
      map((event) => outputOf(event, seen.add(event))),
      filter((output) => output !== undefined),
    );
  });
}

/** The messages of an app ID in the words of the command. */
export function narrateMessages(communicator: Communicator, appId: number): Observable<Output> {
  return communicator.messages(appId).pipe(map(tellMessage));
}

/** What earlier events have told, so that nothing is told twice. */
class Seen {
  /** Connections that an event has told the end of. */
  readonly #ended = new WeakSet<Connection>();
  /** Our attempts, by their connections. An attempt that failed is told when it is repeated. */
  readonly #attempts = new WeakMap<Connection, string>();
  /** Connectors whose last attempt ended with a READY endpoint. */
  readonly #joined = new Set<string>();

  add(event: LifecycleEvent): this {
    if (event.type === 'connected' && event.attemptedAt !== undefined) {
      this.#attempts.set(event.connection, event.handle);
      this.#joined.delete(event.handle);
    }
    const { connection } = event.type === 'endpoint' ? event : {};
    const handle = connection === undefined ? undefined : this.#attempts.get(connection);
    if (handle !== undefined) this.#joined.add(handle);
    if (event.type === 'refused') this.#ended.add(event.connection);
    if (event.type === 'evicted') this.#ended.add(event.evicted);
    return this;
  }

  /** Whether another event tells why this connection ended. */
  isTold(connection: Connection): boolean {
    return this.#ended.has(connection) || this.isAttempt(connection);
  }

  isAttempt(connection: Connection): boolean {
    return this.#attempts.has(connection);
  }

  hasJoined(handle: string): boolean {
    return this.#joined.has(handle);
  }
}

/** What to print about an event; `undefined` for what is no news, or what another event says. */
function outputOf(event: LifecycleEvent, seen: Seen): Output | undefined {
  return (
    match(event)
      .returnType<Output | undefined>()
      .with({ type: 'refused', by: 'peer' }, (refused) =>
        seen.isAttempt(refused.connection) ? undefined : tellNotice(refused),
      )
      .with({ type: 'listening' }, ({ url }) => ({ event: 'listening', url }))
      .with({ type: 'endpoint' }, ({ endpoint, replica }) => {
        // Another worker tells what is there.
        return replica === undefined || !isWorker() ? tellEndpoint(endpoint, replica) : undefined;
      })
      .with({ type: P.union('handshake-failed', 'limited', 'refused', 'evicted', 'dropped') }, tellNotice)
      // All workers hear of it, and the first one tells.
      .with({ type: 'cluster' }, (event) => ((workerNumber() ?? 1) === 1 ? tellNotice(event) : undefined))
      .with({ type: 'retrying', error: P.nonNullable }, ({ error, handle, attemptedAt, delayMs }) => ({
        ...tellAttempt(
          attemptedAt === undefined && seen.hasJoined(handle) ? new ProbeError('ping', error) : error,
        ),
        retryMs: Math.round(delayMs),
      }))
      .with({ type: 'callback-error' }, ({ error }) => tellError(error))
      .with(
        { type: 'disconnected', connection: P.when((connection: Connection) => seen.isTold(connection)) },
        () => undefined,
      )
      // One `limited` event stands for many such connections.
      .with({ type: 'disconnected', error: P.instanceOf(ConnectionLimitError) }, () => undefined)
      .with({ type: 'disconnected', error: P.nonNullable }, ({ error }) => tellError(error))
      .with({ type: P.union('connected', 'retrying', 'disconnected') }, () => undefined)
      .exhaustive()
  );
}

function tellNotice(notice: Noticed): Output {
  return { event: 'notice', type: notice.type, message: describeEvent(notice), ...factsOf(notice) };
}

function tellError({ code, message }: CommError): Extract<Output, { event: 'error' }> {
  return { event: 'error', code, message };
}

/** Why an attempt failed and what to do, in plain words before those of the system. */
function tellAttempt(error: CommError): Extract<Output, { event: 'error' }> {
  const { diagnosis, text } = diagnose(error);
  return { event: 'error', code: error.code, message: `${text} (${error.message})`, diagnosis };
}

function tellEndpoint({ name, state, properties, connProps }: Endpoint, replica?: string): Output {
  const { peer_addr, peer_cn, tls } = connProps;
  return {
    event: 'endpoint',
    name,
    state,
    address: String(peer_addr),
    ...(replica === undefined ? {} : { replica }),
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
