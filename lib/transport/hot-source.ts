import { Observable, type Observer, Subject, type Subscriber } from 'rxjs';

/**
 * A Subject for the path of each message: while there is one subscriber, a value goes straight to it.
 *
 * A Subject makes a closure and an iterator for each value, which takes four times as long (measured by
 * `spec/bench/hot-source.ts`), and a message passes two or three of them. In all else this behaves as one.
 */
export class HotSource<T> implements Observer<T> {
  /** Hot: a subscriber gets what comes from then on, and the end where that has been. */
  readonly values$: Observable<T>;
  readonly #subject = new Subject<T>();
  #subscribers: readonly Subscriber<T>[] = [];

  constructor() {
    this.values$ = new Observable((subscriber) => {
      this.#subscribers = [...this.#subscribers, subscriber];
      subscriber.add(() => (this.#subscribers = this.#subscribers.filter((other) => other !== subscriber)));
      return this.#subject.subscribe(subscriber);
    });
  }

  /** Whether anybody listens. */
  get observed(): boolean {
    return this.#subscribers.length > 0;
  }

  /** Hands a value to everyone who listens. */
  next(value: T): void {
    const [only] = this.#subscribers;
    if (this.#subscribers.length === 1 && only !== undefined) only.next(value);
    else this.#subject.next(value);
  }

  /** Ends the stream with an error. */
  error(reason: Error): void {
    this.#subject.error(reason);
  }

  /** Ends the stream. */
  complete(): void {
    this.#subject.complete();
  }
}
