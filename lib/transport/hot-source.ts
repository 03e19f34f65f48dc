import { Observable, type Observer, Subject, type Subscriber } from 'rxjs';

/**
 * A Subject for the path of messages: a lone subscriber gets each value by a direct call.
 *
 * A Subject makes a closure and an iterator per value, which takes four times as long (measured by
 * `spec/bench/hot-source.ts`), and a message passes two or three of them. Everything else is as with a Subject.
 */
export class HotSource<T> implements Observer<T> {
  /** Hot: a subscriber gets the values from then on, and the end if there was one. */
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

  /** Whether there is a subscriber. */
  get observed(): boolean {
    return this.#subscribers.length > 0;
  }

  /** Whether there are several. */
  get isShared(): boolean {
    return this.#subscribers.length > 1;
  }

  /** Emits a value to all subscribers. */
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
