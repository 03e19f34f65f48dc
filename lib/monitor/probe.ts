import {
  asyncScheduler,
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
  NEVER,
  type Observable,
  of,
  range,
  type SchedulerLike,
  take,
  takeUntil,
  takeWhile,
  tap,
  throwError,
  timeout,
  timer,
} from 'rxjs';
import { match } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import { logger } from '../log.js';
import { type IdentityMap, resolveOptions } from '../options.js';
import { oneLine, quoted } from '../quoted.js';
import { MessageRouter } from '../sfm/message-router.js';
import { SessionTable } from '../sfm/session-table.js';
import { admitAll } from '../sfm/with-admission.js';
import type { Session } from '../sfm/session.js';
import type { SessionRole } from '../sfm/session-context.js';
import type { SessionLife } from '../sfm/session-life.js';
import type { Connection } from '../transport/connection.js';
import { type Driver, type DriverParams, Mode } from '../transport/driver.js';
import { describeParams, isMutualTls } from '../transport/url.js';
import { FrameType, frameType } from '../wire/prefix.js';

const log = logger('probe');

const NUDGE_AFTER_MS = 1_500;
const NUDGE = new TextEncoder().encode('\r\n\r\n');

/** The step of a probe: to connect, to wait for READY, to wait for the first answer after it, to exchange PINGs. */
export type ProbeStage = 'connect' | 'handshake' | 'settle' | 'ping';

/** The findings of a probe, in this order. Times are in milliseconds. */
export type ProbeEvent =
  | { readonly type: 'connected'; readonly connection: Connection; readonly connectMs: number }
  | { readonly type: 'ready'; readonly endpoint: Endpoint; readonly handshakeMs: number }
  | { readonly type: 'pong'; readonly rttMs: number };

/** Why a probe failed, and in which step. `diagnose` says it in plain words. */
export class ProbeError extends CommError {
  override readonly name = 'ProbeError';
  readonly stage: ProbeStage;

  /** Takes code, detail, message and cause of the error underneath. */
  constructor(stage: ProbeStage, { code, detail, message, cause }: CommError) {
    super(code, message, { cause, detail });
    this.stage = stage;
  }
}

/** What to probe, and how. */
export interface ProbeOptions {
  readonly driver: Driver;
  readonly params: DriverParams;
  /** The endpoint that we present ourselves as. */
  readonly local: Endpoint;
  /** Which certificate belongs to which endpoint name under mtls. Default: no entries, the rule of names alone. */
  readonly identityMap?: IdentityMap | undefined;
  /** How many PINGs to send. */
  readonly count: number;
  /** The time between two PINGs, in milliseconds. */
  readonly intervalMs: number;
  /** The most time for each step: to connect, the handshake, each PONG. In milliseconds. */
  readonly timeoutMs: number;
  /** Ends the PINGs before their count with its first value: the probe closes the connection and completes. Default: never. */
  readonly until$?: Observable<unknown>;
  /** The clock of these times. Default: RxJS's `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

/**
 * Connects once to an F3 peer, shakes hands, and exchanges PINGs. Completes after the last PONG, once the connection is
 * closed in good order; errors with a {@link ProbeError}. Unsubscribing ends the connection at once: the peer may see a
 * reset.
 */
export function probe(options: ProbeOptions): Observable<ProbeEvent> {
  return defer(() => {
    const { driver, params, timeoutMs, until$ = NEVER, scheduler = asyncScheduler } = options;
    const startedAt = performance.now();
    const url = describeParams(params);
    let stage: ProbeStage | 'over' = 'connect';
    log('%s connecting', url);
    return driver.connect(params).pipe(
      timeout({
        first: timeoutMs,
        scheduler,
        with: () => throwError(() => timedOut(params, 'no connection', timeoutMs)),
      }),
      mergeMap((connection) =>
        merge(
          of<ProbeEvent>({ type: 'connected', connection, connectMs: performance.now() - startedAt }),
          defer(() => {
            stage = 'handshake';
            log('%s connected', url);
            return converse(
              connection,
              { identityMap: {}, ...options, until$, scheduler },
              (next) => (stage = next),
            );
          }),
        ),
      ),
      takeWhile((event) => event !== 'done'),
      catchError((thrown: unknown) => {
        if (stage === 'over') return EMPTY;
        const error = new ProbeError(stage, CommError.from(thrown));
        log('%s failed at the step %s: [%s] %s', url, stage, error.code, oneLine(error.message));
        return throwError(() => error);
      }),
      takeUntil(until$.pipe(filter(() => stage === 'connect'))),
    );
  });
}

function converse(
  connection: Connection,
  options: Required<ProbeOptions>,
  enter: (stage: ProbeStage | 'over') => void,
): Observable<ProbeEvent | 'done'> {
  const { driver, params, timeoutMs, scheduler, until$ } = options;
  const startedAt = performance.now();
  const sessions = sessionTable(options);
  const role: SessionRole = {
    handle: '',
    scheme: params.scheme,
    mode: Mode.ACTIVE,
    mtls: isMutualTls(params),
    heartbeat: driver.capabilities.heartbeat,
  };
  const life$ = sessions.run(connection, role).pipe(
    mergeMap((event: SessionLife): Observable<ProbeEvent | 'done'> =>
      match(event)
        .returnType<Observable<ProbeEvent | 'done'>>()
        .with({ type: 'opened' }, ({ session }) => nudge(session, scheduler))
        .with({ type: 'greeted' }, { type: 'unverified' }, { type: 'silent' }, () => EMPTY)
        .with({ type: 'refused' }, { type: 'rejected' }, ({ error }) => throwError(() => error))
        .with({ type: 'admitted' }, ({ session, endpoint }) => act(() => session.welcome(endpoint, streamId)))
        .with({ type: 'ask' }, ({ session }) => act(() => session.ping()))
        .with({ type: 'unanswered' }, ({ session }) => act(() => session.settle()))
        .with({ type: 'overdue' }, () => throwError(() => timedOut(params, 'no READY', timeoutMs)))
        .with({ type: 'ready' }, ({ endpoint }) => {
          enter('settle');
          log('%s is %s, and READY', describeParams(params), quoted(endpoint.name));
          return of({ type: 'ready', endpoint, handshakeMs: performance.now() - startedAt });
        })
        .with({ type: 'settled' }, ({ session }) => {
          enter('ping');
          return concat(pings(session, options), of('done' as const));
        })
        .with({ type: 'closed' }, ({ error }) => throwError(() => error ?? closedByPeer(params)))
        .exhaustive(),
    ),
  );
  const found$ = life$.pipe(
    takeWhile((event) => event !== 'done'),
    takeUntil(until$),
  );
  // It reads what still comes: a socket that closes over unread bytes resets the connection of the peer.
  const close$ = defer(() => {
    enter('over');
    void connection.close();
    return connection.closed$.pipe(catchError(() => EMPTY));
  });
  return concat(found$, close$, of('done' as const));
}

/**
 * Sends two line ends to a peer that is silent. Many text protocols wait for a line end before they answer, and would
 * look like a peer that hangs. An F3 peer that has not answered HELLO by then has failed anyway.
 */
function nudge(session: Session, scheduler: SchedulerLike): Observable<never> {
  return timer(NUDGE_AFTER_MS, scheduler).pipe(
    tap(() => {
      if (!session.isReady) session.connection.send(NUDGE);
    }),
    ignoreElements(),
  );
}

function pings(
  session: Session,
  { params, count, intervalMs, timeoutMs, scheduler }: Required<ProbeOptions>,
): Observable<ProbeEvent> {
  const pong$ = session.connection.frames$.pipe(filter((frame) => frameType(frame) === FrameType.PONG));
  return range(0, count).pipe(
    concatMap((index) => timer(index === 0 ? 0 : intervalMs, scheduler)),
    concatMap(() => {
      const sentAt = performance.now();
      const answer$ = pong$.pipe(
        take(1),
        map((): ProbeEvent => ({ type: 'pong', rttMs: performance.now() - sentAt })),
        timeout({
          first: timeoutMs,
          scheduler,
          with: () => throwError(() => timedOut(params, 'no PONG', timeoutMs)),
        }),
      );
      return merge(
        answer$,
        act(() => session.ping()),
      );
    }),
  );
}

function act(work: () => void): Observable<never> {
  return defer(() => {
    work();
    return EMPTY;
  });
}

/** What runs a single session: without a heartbeat, and without receivers, so that messages are dropped. */
function sessionTable({
  local,
  identityMap = {},
  timeoutMs,
  scheduler,
}: Required<ProbeOptions>): SessionTable {
  const times = { handshakeTimeoutMs: timeoutMs, settleTimeoutMs: timeoutMs, scheduler };
  const options = resolveOptions({ ...times, identityMap });
  return new SessionTable({ local, options, router: new MessageRouter(0), decide: admitAll });
}

/** The stream ID of the PINGs of a probe, which is the only one on its connection. */
const streamId = (): number => 1;

function timedOut(params: DriverParams, what: string, timeoutMs: number): CommError {
  return new CommError(CommErrorCode.TIMEOUT, `${describeParams(params)}: ${what} within ${timeoutMs} ms`);
}

function closedByPeer(params: DriverParams): CommError {
  return new CommError(CommErrorCode.CLOSED, `${describeParams(params)}: the peer closed the connection`);
}
