import { defer, type Observable, type ObservableInput, switchMap } from 'rxjs';

/**
 * A module that is loaded when it is first needed, and kept. `import()` asks the loader each time, which costs
 * a millisecond for every connection where the loader has hooks, as tsx and tools for tracing install.
 *
 * @param load - `() => import(...)`; where it fails, the next call tries again
 */
export function late<M>(load: () => Promise<M>): () => Promise<M> {
  let module: Promise<M> | undefined;
  return () => {
    module ??= load().catch((error: unknown) => {
      module = undefined;
      throw error;
    });
    return module;
  };
}

/**
 * What a module that is loaded late has to show. A driver says at once what it can do and which parameters can never
 * work, and loads the rest when it first connects or listens: a program pays for the transports that it uses.
 *
 * @param load - made by {@link late}; errors go to the subscriber
 */
export function lazily<M, T>(load: () => Promise<M>, use: (module: M) => ObservableInput<T>): Observable<T> {
  return defer(load).pipe(switchMap(use));
}
