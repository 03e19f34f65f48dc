import {
  defer,
  type MonoTypeOperatorFunction,
  type Observable,
  repeat,
  retry,
  type SchedulerLike,
  takeUntil,
  timer,
} from 'rxjs';

/** How a connector that ended is started again. */
export interface ReconnectOptions {
  /** The first wait. */
  readonly initialDelayMs: number;
  /** Each wait is twice the one before, up to this. */
  readonly maxDelayMs: number;
  /** After a run longer than this the wait is the first one again. */
  readonly resetAfterMs: number;
  /** 0 to 1: the part of each wait that is cut at random, so that many sites do not come back in step. */
  readonly jitter: number;
}

/** What is about to happen after an end. `error` is absent after a clean one. */
export interface Retry {
  readonly delayMs: number;
  readonly error?: unknown;
}

/**
 * Subscribes to the source again whenever it ends, by an error or cleanly, with NVFlare's waits
 * (`conn_manager.py`): 1, 2, 4, 8, 10, 10, ... seconds. It never gives up, and never has two runs at a time.
 *
 * @param halt$ - once it emits, an end is the end; a run goes on
 * @param report - told before each wait
 */
export function reconnect<T>(
  options: ReconnectOptions,
  halt$: Observable<unknown>,
  report: (retry: Retry) => void,
  scheduler: SchedulerLike,
): MonoTypeOperatorFunction<T> {
  return (source$) =>
    defer(() => {
      let nextDelayMs = options.initialDelayMs;
      let startedAt = 0;
      const run$ = defer(() => {
        startedAt = scheduler.now();
        return source$;
      });
      const wait = (end: { error?: unknown }) => {
        if (scheduler.now() - startedAt > options.resetAfterMs) nextDelayMs = options.initialDelayMs;
        const delayMs = nextDelayMs * (1 - options.jitter * Math.random());
        nextDelayMs = Math.min(nextDelayMs * 2, options.maxDelayMs);
        return defer(() => {
          report({ delayMs, ...end });
          return timer(delayMs, scheduler);
        }).pipe(takeUntil(halt$));
      };
      return run$.pipe(
        repeat({ delay: () => wait({}) }),
        retry({ delay: (error: unknown) => wait({ error }) }),
      );
    });
}
