import { defer, exhaustMap, map, type MonoTypeOperatorFunction, type Observable, take, tap } from 'rxjs';

/**
 * Passes values on as soon as there is room. Those that come before that become one.
 *
 * @param room - emits when there is room; completes without a value where nobody needs the value any more
 * @param join - the one value of two that wait
 */
export function whenRoom<T>(
  room: () => Observable<unknown>,
  join: (earlier: T, later: T) => T,
): MonoTypeOperatorFunction<T> {
  return (value$) =>
    defer(() => {
      let waiting: { readonly value: T } | undefined;
      return value$.pipe(
        tap((value) => (waiting = { value: waiting === undefined ? value : join(waiting.value, value) })),
        exhaustMap((value) =>
          room().pipe(
            take(1),
            map(() => {
              const joined = waiting?.value ?? value;
              waiting = undefined;
              return joined;
            }),
          ),
        ),
      );
    });
}
