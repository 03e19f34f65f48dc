import { Observable, type Subscriber } from 'rxjs';

import { Fifo } from '../transport/fifo.js';

/** Values that wait for the one subscriber, and go straight through to it from then on. */
export class UnicastSource<T> {
  /** For one subscriber. An end that came before it comes to it too. */
  readonly values$: Observable<T>;
  readonly #waiting = new Fifo<T>();
  #subscriber: Subscriber<T> | undefined;
  #end: ((subscriber: Subscriber<T>) => void) | undefined;

  constructor() {
    this.values$ = new Observable((subscriber) => {
      while (this.#waiting.length > 0 && !subscriber.closed) {
        const value = this.#waiting.shift();
        if (value !== undefined) subscriber.next(value);
      }
      this.#subscriber = subscriber;
      this.#end?.(subscriber);
    });
  }

  /** Emits a value, or keeps it. */
  next(value: T): void {
    if (this.#subscriber === undefined) this.#waiting.push(value);
    else this.#subscriber.next(value);
  }

  /** Ends after what waits. */
  complete(): void {
    this.#finish((subscriber) => subscriber.complete());
  }

  /** Ends with an error, and drops what waits. */
  error(reason: Error): void {
    this.#waiting.clear();
    this.#finish((subscriber) => subscriber.error(reason));
  }

  #finish(end: (subscriber: Subscriber<T>) => void): void {
    this.#end = end;
    if (this.#subscriber !== undefined) end(this.#subscriber);
  }
}
