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

/** How long to wait for the next look after one that found something, or nothing. `undefined` ends it. */
export type Pace = (found: boolean) => number | undefined;

/** How much longer each wait is than the one before (NVFlare's `read_loop`). */
const GROWTH = 1.5;

/**
 * Looks again and again, one look at a time, and emits what is found. The first look is at once.
 *
 * @param look$ - one look: a value, or `undefined` for nothing
 * @param pace - asked after each look
 * @param wake$ - ends a wait early; also one that comes while a look is under way. Never errors
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

/** At once after a find; otherwise after a wait that grows from `initialMs` to `maxMs`. */
export function backingOff(initialMs: number, maxMs: number): Pace {
  let waitMs = initialMs;
  return (found) => {
    waitMs = found ? initialMs : Math.min(waitMs * GROWTH, maxMs);
    return found ? 0 : waitMs;
  };
}

/** At once after a find; ends after `count` looks in a row that found nothing. */
export function givingUp(intervalMs: number, count: number): Pace {
  let quiet = 0;
  return (found) => {
    quiet = found ? 0 : quiet + 1;
    if (found) return 0;
    return quiet < count ? intervalMs : undefined;
  };
}
