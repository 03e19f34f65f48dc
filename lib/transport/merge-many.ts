import { from, Observable, type ObservableInput, type OperatorFunction, type Subscription } from 'rxjs';

/**
 * `mergeMap` for many inner streams that live at once. That of RxJS keeps them in an array, and searches it whenever one
 * ends: with 100,000 connections this took a third of the time in which they left.
 */
export function mergeMany<T, R>(project: (value: T) => ObservableInput<R>): OperatorFunction<T, R> {
  return (source$) =>
    new Observable((subscriber) => {
      const living = new Set<Subscription>();
      let isOver = false;
      const error = (reason: unknown) => subscriber.error(reason);
      const completeWhenOver = () => {
        if (isOver && living.size === 0) subscriber.complete();
      };
      const live = (value: T) => {
        const life = from(project(value)).subscribe({ next: (result) => subscriber.next(result), error });
        living.add(life);
        life.add(() => {
          living.delete(life);
          completeWhenOver();
        });
        if (subscriber.closed) life.unsubscribe();
      };
      subscriber.add(() => {
        for (const life of living) life.unsubscribe();
      });
      const next = (value: T) => {
        try {
          live(value);
        } catch (reason) {
          error(reason);
        }
      };
      const complete = () => {
        isOver = true;
        completeWhenOver();
      };
      subscriber.add(source$.subscribe({ next, error, complete }));
    });
}
