import { Observable } from 'rxjs';

import { HotSource } from './hot-source.js';

/** Streams by key. A value costs only those who listen to its key; a key without listeners takes no memory. */
export class KeyedSource<K, V> {
  readonly #sources = new Map<K, HotSource<V>>();
  #isComplete = false;

  /** The values of a key, from the subscription on. */
  values(key: K): Observable<V> {
    return new Observable((subscriber) => {
      if (this.#isComplete) {
        subscriber.complete();
        return;
      }
      const source = this.#sources.get(key) ?? new HotSource<V>();
      this.#sources.set(key, source);
      subscriber.add(source.values$.subscribe(subscriber));
      subscriber.add(() => {
        if (!source.observed) this.#sources.delete(key);
      });
    });
  }

  /** Whether several listen to a key. */
  isShared(key: K): boolean {
    return this.#sources.get(key)?.isShared === true;
  }

  /**
   * Emits a value under its key.
   *
   * @returns whether anybody listens there
   */
  next(key: K, value: V): boolean {
    const source = this.#sources.get(key);
    source?.next(value);
    return source !== undefined;
  }

  /** Ends all streams. */
  complete(): void {
    this.#isComplete = true;
    for (const source of this.#sources.values()) source.complete();
  }
}
