import {
  concat,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  map,
  type Observable,
  type SchedulerLike,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';

import { FlareError, FlareStatus } from './flare-error.js';
import type { TargetOptions, TargetType } from './session-arguments.js';
import type { SessionState } from './session-core.js';
import type { ClientInfo, SystemInfo } from './system-info.js';

const WAIT_MS = 30_000;

/** A change that is asked for. */
export interface Change<T> {
  /** What is looked at until the change has happened. */
  readonly session: {
    readonly system$: Observable<SystemInfo>;
    readonly state$: Observable<SessionState>;
    getSystemInfo(): Observable<SystemInfo>;
    close(): Promise<void>;
  };
  readonly scheduler: SchedulerLike;
  /** Asks for it. */
  readonly asked$: Observable<T>;
}

/** Emits what `asked$` does, once what it restarts is back. Errors with FlareError `timed_out`. */
export function restarted<T>(
  change: Change<T>,
  target: TargetType,
  { clients, waitMs = WAIT_MS }: TargetOptions = {},
): Observable<T> {
  if (waitMs === 0) return change.asked$;
  return change.session
    .getSystemInfo()
    .pipe(switchMap((before) => once(change, (now) => areBack(before, now, target, clients), waitMs)));
}

/**
 * Emits what `asked$` does, once what it shuts down is gone; without the server the session is closed. Errors with FlareError
 * `timed_out`.
 */
export function shutDown<T>(
  change: Change<T>,
  target: TargetType,
  { clients, waitMs = WAIT_MS }: TargetOptions = {},
): Observable<T> {
  const { session, scheduler, asked$ } = change;
  if (target === 'client')
    return waitMs === 0 ? asked$ : once(change, (now) => areGone(now, clients), waitMs);
  const gone$ = session.state$.pipe(
    filter(({ type }) => type !== 'connected'),
    take(1),
  );
  const down$ = waitMs === 0 ? EMPTY : inTime(gone$, waitMs, 'the server is still here', scheduler);
  // Closing ends what tells that the server is down, so it comes after that.
  const closed$ = concat(
    down$.pipe(ignoreElements()),
    defer(() => session.close()),
  );
  return asked$.pipe(switchMap((answer) => closed$.pipe(map(() => answer))));
}

/** Errors with FlareError `timed_out` where `done$` has not completed in time. */
export function inTime<T>(
  done$: Observable<T>,
  ms: number,
  problem: string,
  scheduler: SchedulerLike,
): Observable<T> {
  const late$ = timer(ms, scheduler).pipe(
    map(() => {
      throw new FlareError(FlareStatus.TIMED_OUT, `${problem} in ${ms} ms`);
    }),
  );
  return done$.pipe(takeUntil(late$));
}

/** Emits what `asked$` does, once the system is as `isDone` says. */
function once<T>(
  { session, scheduler, asked$ }: Change<T>,
  isDone: (now: SystemInfo) => boolean,
  waitMs: number,
): Observable<T> {
  const done$ = session.system$.pipe(filter(isDone), take(1));
  const inTime$ = inTime(done$, waitMs, 'it has not happened', scheduler);
  return asked$.pipe(switchMap((answer) => inTime$.pipe(map(() => answer))));
}

/** Whether sites are shut down: none of them is connected. @param names - Default: all */
function areGone({ clients }: SystemInfo, names: readonly string[] | undefined): boolean {
  return !clients.some(({ name }) => names === undefined || names.includes(name));
}

/**
 * Whether what was there is there again: the server with another start, and sites that it has heard of since. Source:
 * `Session.restart` of `nvflare/fuel/flare_api/flare_api.py`.
 *
 * @param names - of sites. Default: all
 */
function areBack(
  before: SystemInfo,
  now: SystemInfo,
  target: TargetType,
  names: readonly string[] | undefined,
): boolean {
  const hasServer =
    target === 'client' || now.server.startTime?.getTime() !== before.server.startTime?.getTime();
  const asked = before.clients.filter(({ name }) => names === undefined || names.includes(name));
  return hasServer && (target === 'server' || asked.every((client) => isBack(client, now.clients)));
}

function isBack(before: ClientInfo, clients: readonly ClientInfo[]): boolean {
  const now = clients.find(({ name }) => name === before.name);
  return now !== undefined && now.lastConnectTime?.getTime() !== before.lastConnectTime?.getTime();
}
