import {
  concat,
  connect,
  endWith,
  ignoreElements,
  map,
  of,
  type OperatorFunction,
  type SchedulerLike,
  switchMap,
  takeUntil,
  timer,
} from 'rxjs';

/**
 * Emits `silence` after each value that no other value follows in time.
 *
 * @param patienceMs - how long to wait for the next value
 */
export function markSilence<T, S>(
  silence: S,
  patienceMs: (value: T) => number,
  scheduler: SchedulerLike,
): OperatorFunction<T, T | S> {
  return connect((value$) => {
    const end$ = value$.pipe(ignoreElements(), endWith(undefined));
    const silenceAfter = (value: T) =>
      timer(patienceMs(value), scheduler).pipe(
        map(() => silence),
        takeUntil(end$),
      );
    return value$.pipe(switchMap((value) => concat(of(value), silenceAfter(value))));
  });
}
