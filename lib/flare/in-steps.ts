import { firstValueFrom, fromEvent, Observable, takeUntil } from 'rxjs';

/** What work of many steps has at hand. */
export interface Steps<T> {
  /** Aborts when nobody waits for the work any more. */
  readonly signal: AbortSignal;
  emit(value: T): void;
  /** The first value of an Observable. It rejects, and is unsubscribed, when nobody waits any more. */
  first<R>(source$: Observable<R>): Promise<R>;
}

/**
 * Work of many steps, with files between them, as a cold Observable. Unsubscribing ends the step that goes on, and the work.
 *
 * @param settled - is called when the work touches no file any more, which may be after it was unsubscribed
 */
export function inSteps<T>(
  work: (steps: Steps<T>) => Promise<void>,
  settled: () => void = () => undefined,
): Observable<T> {
  return new Observable((subscriber) => {
    const controller = new AbortController();
    const { signal } = controller;
    const first = async <R>(source$: Observable<R>): Promise<R> => {
      signal.throwIfAborted();
      return firstValueFrom(source$.pipe(takeUntil(fromEvent(signal, 'abort'))));
    };
    const done = work({ signal, emit: (value) => subscriber.next(value), first });
    done.finally(settled).then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => controller.abort();
  });
}
