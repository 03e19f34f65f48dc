import type { ChildProcess } from 'node:child_process';

import {
  asyncScheduler,
  concat,
  defer,
  delay,
  finalize,
  fromEvent,
  ignoreElements,
  map,
  merge,
  mergeMap,
  EMPTY,
  type Observable,
  type OperatorFunction,
  shareReplay,
  startWith,
  take,
  takeUntil,
  tap,
  withLatestFrom,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { reconnect, type Retry } from '../transport/reconnect.js';
import { ExitCode } from './exit-code.js';

/** How long a child may take to end in good order. A replica has four steps to do, of `drainTimeoutMs` at most each. */
const STOP_MS = 30_000;

/** A child process has ended, without being asked to or not in good order. */
export class ChildEnd extends CommError {
  override readonly name = 'ChildEnd';
  /** `null` where a signal ended it. */
  readonly exitCode: number | null;
  /** Whether it was asked to end, and did not do so in good order. */
  readonly wasAsked: boolean;

  /** Names the child, and how it ended. */
  constructor(child: string, exitCode: number | null, signal: NodeJS.Signals | null, wasAsked: boolean) {
    const how =
      exitCode === null ? `was ended by ${signal ?? 'a signal'}` : `ended with exit code ${exitCode}`;
    super(CommErrorCode.CLOSED, `${child} ${how}`);
    this.exitCode = exitCode;
    this.wasAsked = wasAsked;
  }
}

/** A child process, and what tells that it is up. */
export interface Child<T> {
  readonly process: ChildProcess;
  readonly up$: Observable<T>;
}

/**
 * One run of a child process: emits when it is up, and ends with it. Errors with a {@link ChildEnd} when it ends; completes
 * where that was asked for, and it ended in good order.
 *
 * @param name - for errors
 * @param until$ - asks it to end; one that takes too long is killed
 */
export function childRun<T>(name: string, start: () => Child<T>, until$: Observable<unknown>): Observable<T> {
  return defer(() => {
    const { process: child, up$ } = start();
    const stop$ = until$.pipe(
      take(1),
      tap(() => child.kill('SIGTERM')),
      delay(STOP_MS),
      tap(() => child.kill('SIGKILL')),
      ignoreElements(),
    );
    const unable$ = fromEvent(child, 'error').pipe(
      map((error) => {
        throw CommError.from(error, `${name} cannot be started`, CommErrorCode.BAD_CONFIG);
      }),
    );
    const end$ = (fromEvent(child, 'close') as Observable<[number | null, NodeJS.Signals | null]>).pipe(
      take(1),
      shareReplay({ bufferSize: 1, refCount: false }),
    );
    const isAsked$ = until$.pipe(
      map(() => true),
      startWith(false),
    );
    const ended$ = end$.pipe(
      withLatestFrom(isAsked$),
      mergeMap(([[code, signal], isAsked]) => {
        if (isAsked && (code === ExitCode.OK || signal === 'SIGTERM')) return EMPTY;
        throw new ChildEnd(name, code, signal, isAsked);
      }),
    );
    return concat(merge(up$, stop$, unable$).pipe(takeUntil(end$)), ended$).pipe(
      finalize(() => child.kill('SIGTERM')),
    );
  });
}

/** Starts what ends again, after 1, 2, 4, ... 30 seconds, until `halt$` emits. */
export function keepRunning<T>(halt$: Observable<unknown>): OperatorFunction<T, T | Retry> {
  return reconnect(
    { initialDelayMs: 1_000, maxDelayMs: 30_000, resetAfterMs: 10_000, jitter: 0 },
    halt$,
    asyncScheduler,
  );
}
