import {
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  range,
  take,
  takeWhile,
  tap,
  throwError,
  timeout,
  timer,
} from 'rxjs';
import { match } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import { type ResolvedOptions, resolveOptions } from '../options.js';
import { MessageRouter } from '../sfm/message-router.js';
import { SessionTable } from '../sfm/session-table.js';
import type { Session, SessionEvent, SessionRole } from '../sfm/session.js';
import type { Connection } from '../transport/connection.js';
import { type Driver, type DriverParams, Mode } from '../transport/driver.js';
import { describeParams, isMutualTls } from '../transport/url.js';
import { FrameType, frameType } from '../wire/prefix.js';

const NUDGE_AFTER_MS = 1_500;
const NUDGE = new TextEncoder().encode('\r\n\r\n');

/** How far a probe has come: connecting, waiting for READY, waiting for the first answer, exchanging PINGs. */
export type ProbeStage = 'connect' | 'handshake' | 'settle' | 'ping';

/** What a probe finds out, in this order. */
export type ProbeEvent =
  | { readonly type: 'connected'; readonly connection: Connection; readonly connectMs: number }
  | { readonly type: 'ready'; readonly endpoint: Endpoint; readonly handshakeMs: number }
  | { readonly type: 'pong'; readonly rttMs: number };

/** Why a probe failed, and how far it had come. The message of `diagnose` says it in plain words. */
export class ProbeError extends CommError {
  override readonly name = 'ProbeError';
  readonly stage: ProbeStage;

  /** Keeps code, message and cause of the error underneath. */
  constructor(stage: ProbeStage, { code, message, cause }: CommError) {
    super(code, message, { cause });
    this.stage = stage;
  }
}

/** What to probe, and how. */
export interface ProbeOptions {
  readonly driver: Driver;
  readonly params: DriverParams;
  /** Who we say we are. */
  readonly local: Endpoint;
  /** How many PINGs. */
  readonly count: number;
  /** Between two PINGs. */
  readonly intervalMs: number;
  /** For each step: to connect, the handshake, each PONG. */
  readonly timeoutMs: number;
}

/**
 * Connects once to an F3 peer, shakes hands, and exchanges PINGs. Completes after the last PONG; errors with a
 * {@link ProbeError}. Unsubscribing lets go of everything.
 */
export function probe(options: ProbeOptions): Observable<ProbeEvent> {
  return defer(() => {
    const { driver, params, timeoutMs } = options;
    const url = describeParams(params);
    const startedAt = performance.now();
    let stage: ProbeStage = 'connect';
    return driver.connect(params).pipe(
      timeout({ first: timeoutMs, with: () => throwError(() => timedOut(url, 'no connection', timeoutMs)) }),
      mergeMap((connection) =>
        merge(
          of<ProbeEvent>({ type: 'connected', connection, connectMs: performance.now() - startedAt }),
          defer(() => {
            stage = 'handshake';
            return converse(connection, options, (next) => (stage = next));
          }),
        ),
      ),
      takeWhile((event) => event !== 'done'),
      catchError((error: unknown) => throwError(() => new ProbeError(stage, CommError.from(error)))),
    );
  });
}

function converse(
  connection: Connection,
  { driver, params, local, count, intervalMs, timeoutMs }: ProbeOptions,
  enter: (stage: ProbeStage) => void,
): Observable<ProbeEvent | 'done'> {
  const url = describeParams(params);
  const startedAt = performance.now();
  const sessions = new SessionTable({
    local,
    options: quietOptions(timeoutMs),
    router: new MessageRouter(0, SILENT),
  });
  const role: SessionRole = {
    handle: '',
    scheme: params.scheme,
    mode: Mode.ACTIVE,
    mtls: isMutualTls(params),
    heartbeat: driver.capabilities.heartbeat,
  };
  return sessions.run(connection, role).pipe(
    mergeMap((event: SessionEvent): Observable<ProbeEvent | 'done'> =>
      match(event)
        .returnType<Observable<ProbeEvent | 'done'>>()
        .with({ type: 'opened' }, ({ session }) => nudge(session))
        .with({ type: 'greeted' }, { type: 'refused' }, () => EMPTY)
        .with({ type: 'overdue' }, () => throwError(() => timedOut(url, 'no READY', timeoutMs)))
        .with({ type: 'ready' }, ({ endpoint }) => {
          enter('settle');
          return of({ type: 'ready', endpoint, handshakeMs: performance.now() - startedAt });
        })
        .with({ type: 'settled' }, ({ session }) => {
          enter('ping');
          return concat(pings(session, count, intervalMs, timeoutMs), of('done' as const));
        })
        .with({ type: 'closed' }, ({ error }) => throwError(() => error ?? closedByPeer(url)))
        .exhaustive(),
    ),
  );
}

/**
 * Many text protocols wait for the end of a line before they answer, and would look like a peer that hangs. Two
 * of them bring out who it is; to an F3 peer that has not answered HELLO by then they do no more harm.
 */
function nudge(session: Session): Observable<never> {
  return timer(NUDGE_AFTER_MS).pipe(
    tap(() => {
      if (!session.isReady) session.connection.send(NUDGE);
    }),
    ignoreElements(),
  );
}

function pings(
  session: Session,
  count: number,
  intervalMs: number,
  timeoutMs: number,
): Observable<ProbeEvent> {
  const pong$ = session.connection.frames$.pipe(filter((frame) => frameType(frame) === FrameType.PONG));
  return range(0, count).pipe(
    concatMap((index) => timer(index === 0 ? 0 : intervalMs)),
    concatMap(() => {
      const sentAt = performance.now();
      const answer$ = pong$.pipe(
        take(1),
        map((): ProbeEvent => ({ type: 'pong', rttMs: performance.now() - sentAt })),
        timeout({ first: timeoutMs, with: () => throwError(() => timedOut('', 'no PONG', timeoutMs)) }),
      );
      return merge(
        answer$,
        defer(() => ask(session)),
      );
    }),
  );
}

function ask(session: Session): Observable<never> {
  session.ping();
  return EMPTY;
}

/** Of the options of a communicator only these times matter to a single session. */
function quietOptions(timeoutMs: number): ResolvedOptions {
  return resolveOptions({ handshakeTimeoutMs: timeoutMs, settleTimeoutMs: timeoutMs });
}

/** Messages that arrive while probing are nobody's. */
const SILENT = { next: () => undefined, error: () => undefined, complete: () => undefined };

function timedOut(url: string, what: string, timeoutMs: number): CommError {
  return new CommError(
    CommErrorCode.TIMEOUT,
    `${url}${url === '' ? '' : ': '}${what} within ${timeoutMs} ms`,
  );
}

function closedByPeer(url: string): CommError {
  return new CommError(CommErrorCode.CLOSED, `${url}: the peer closed the connection`);
}
