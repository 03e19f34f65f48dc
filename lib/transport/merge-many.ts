import { from, Observable, type ObservableInput, type OperatorFunction, Subscription } from 'rxjs';

/**
 * `mergeMap` for many inner streams that live at once. That of RxJS keeps them in an array, and searches it whenever one
 * ends: with 100,000 connections this took a third of the time in which they left. A source or inner stream that emits
 * while it is subscribed to is unsubscribed from afterwards only, so it must be finite.
 */
export function mergeMany<T, R>(project: (value: T) => ObservableInput<R>): OperatorFunction<T, R> {
  return (source$) =>
    new Observable((subscriber) => {
      const living = new Set<Subscription>();
      // The source, and the inner streams from before they begin.
      let open = 1;
      const error = (reason: unknown) => subscriber.error(reason);
      const ended = () => {
        open -= 1;
        if (open === 0) subscriber.complete();
      };
      const live = (value: T) => {
        open += 1;
        const life = from(project(value)).subscribe({ next: (result) => subscriber.next(result), error });
        living.add(life);
        life.add(() => {
          living.delete(life);
          ended();
        });
        if (subscriber.closed) life.unsubscribe();
      };
      const next = (value: T) => {
        if (subscriber.closed) return;
        try {
          live(value);
        } catch (reason) {
          error(reason);
        }
      };
      subscriber.add(source$.subscribe({ next, error, complete: ended }));
      subscriber.add(() => {
        // One that throws keeps none of the others.
        const all = new Subscription();
        for (const life of living) all.add(life);
        all.unsubscribe();
      });
    });
}
