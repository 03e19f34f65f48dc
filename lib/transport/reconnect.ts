import {
  catchError,
  concat,
  defer,
  EMPTY,
  ignoreElements,
  type Observable,
  of,
  type OperatorFunction,
  repeat,
  type SchedulerLike,
  takeUntil,
  tap,
  timer,
} from 'rxjs';

/** How a connector that ended is started again. */
export interface ReconnectOptions {
  /** The first wait. */
  readonly initialDelayMs: number;
  /** Each wait is twice the one before, up to this. */
  readonly maxDelayMs: number;
  /** After a run longer than this the wait is the first one again. A run begins with its first value, so a failed attempt does not count. */
  readonly resetAfterMs: number;
  /** 0 to 1: the part of each wait that is cut at random, so that many sites do not come back in step. */
  readonly jitter: number;
}

/** The source has ended and is subscribed to again after a wait. `error` is absent after a clean end. */
export interface Retry {
  readonly type: 'retry';
  readonly delayMs: number;
  readonly error?: unknown;
}

/**
 * Subscribes to the source again whenever it ends, by an error or cleanly, with NVFlare's waits
 * (`conn_manager.py`): 1, 2, 4, 8, 10, 10, ... seconds. Emits a {@link Retry} before each wait. It never gives up, and
 * never has two runs at a time.
 *
 * @param halt$ - once it emits, an end is the end; a run goes on
 */
export function reconnect<T>(
  options: ReconnectOptions,
  halt$: Observable<unknown>,
  scheduler: SchedulerLike,
): OperatorFunction<T, T | Retry> {
  return (source$) =>
    defer(() => {
      let nextDelayMs = options.initialDelayMs;
      let runningSince = Infinity;
      /** The wait has come to its end, and not to a halt. */
      let isOver = false;
      const retryAfter = (end: { error?: unknown }): Observable<Retry> => {
        if (scheduler.now() - runningSince > options.resetAfterMs) nextDelayMs = options.initialDelayMs;
        const delayMs = nextDelayMs * (1 - options.jitter * Math.random());
        nextDelayMs = Math.min(nextDelayMs * 2, options.maxDelayMs);
        const wait$ = timer(delayMs, scheduler).pipe(
          tap(() => (isOver = true)),
          ignoreElements(),
        );
        return concat(of<Retry>({ type: 'retry', delayMs, ...end }), wait$).pipe(takeUntil(halt$));
      };
      const cycle$ = defer(() => {
        runningSince = Infinity;
        isOver = false;
        let end: { error?: unknown } = {};
        const run$ = source$.pipe(
          tap(() => (runningSince = Math.min(runningSince, scheduler.now()))),
          catchError((error: unknown) => {
            end = { error };
            return EMPTY;
          }),
        );
        return concat(
          run$,
          defer(() => retryAfter(end)),
        );
      });
      return cycle$.pipe(repeat({ delay: () => (isOver ? of(undefined) : EMPTY) }));
    });
}
