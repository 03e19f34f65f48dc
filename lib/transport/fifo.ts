/** A queue. Taking from an array's front moves all of it; this moves it once half is gone. */
export class Fifo<T> {
  #items: T[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** Adds an item. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Puts items in front of the oldest one, in their order. */
  unshift(items: readonly T[]): void {
    this.#items = [...items, ...this.#items.slice(this.#first)];
    this.#first = 0;
  }

  /** The oldest item. */
  peek(): T | undefined {
    return this.#items[this.#first];
  }

  /** Takes the oldest item out. */
  shift(): T | undefined {
    const item = this.#items[this.#first];
    this.#first += 1;
    if (this.#first > this.#items.length / 2) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Forgets all items. */
  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
