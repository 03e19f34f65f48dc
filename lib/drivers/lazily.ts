import { defer, type Observable, type ObservableInput, switchMap } from 'rxjs';

/**
 * What a module that is loaded late has to show. A driver says at once what it can do and which parameters can never
 * work, and loads the rest when it first connects or listens: a program pays for the transports that it uses.
 *
 * @param load - `() => import(...)`; errors go to the subscriber
 */
export function lazily<M, T>(load: () => Promise<M>, use: (module: M) => ObservableInput<T>): Observable<T> {
  return defer(load).pipe(switchMap(use));
}
