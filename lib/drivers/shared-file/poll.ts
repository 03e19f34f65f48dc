import {
  asyncScheduler,
  defer,
  EMPTY,
  filter,
  merge,
  Observable,
  of,
  repeat,
  type SchedulerLike,
  Subject,
  take,
  tap,
  timer,
} from 'rxjs';

/** The wait before the next look, in milliseconds, given whether the last one found something. `undefined` ends the poll. */
export type Pace = (found: boolean) => number | undefined;

/** The ratio of a wait to the one before (NVFlare's `read_loop`). */
const GROWTH = 1.5;

/**
 * Polls: subscribes to `look$` at once and again after each wait, one look at a time, and emits what it finds.
 *
 * @param look$ - one look: a value, or `undefined` for nothing
 * @param pace - called after each look
 * @param wake$ - ends a wait early. If it emits during a look, the next look follows at once. Never errors
 */
export function poll<T>(
  look$: Observable<T | undefined>,
  pace: Pace,
  wake$: Observable<unknown> = EMPTY,
  scheduler: SchedulerLike = asyncScheduler,
): Observable<T> {
  return new Observable((subscriber) => {
    const woken = new Subject<unknown>();
    let isAwake = false;
    let waitMs: number | undefined;
    const wait = (): Observable<unknown> => {
      if (waitMs === undefined) return EMPTY;
      if (waitMs === 0 || isAwake) return of(0);
      return merge(timer(waitMs, scheduler), woken).pipe(take(1));
    };
    subscriber.add(
      wake$.subscribe(() => {
        isAwake = true;
        woken.next(undefined);
      }),
    );
    const looks$ = defer(() => {
      isAwake = false;
      return look$;
    });
    return looks$
      .pipe(
        tap((found) => (waitMs = pace(found !== undefined))),
        repeat({ delay: wait }),
        filter((found) => found !== undefined),
      )
      .subscribe(subscriber);
  });
}

/** No wait after a find; otherwise one that grows from `initialMs` to `maxMs`. */
export function backingOff(initialMs: number, maxMs: number): Pace {
  let waitMs = initialMs;
  return (found) => {
    waitMs = found ? initialMs : Math.min(waitMs * GROWTH, maxMs);
    return found ? 0 : waitMs;
  };
}

/** No wait after a find; ends after `count` looks in a row that found nothing. */
export function givingUp(intervalMs: number, count: number): Pace {
  let quiet = 0;
  return (found) => {
    quiet = found ? 0 : quiet + 1;
    if (found) return 0;
    return quiet < count ? intervalMs : undefined;
  };
}
