/** What a {@link LinkedList} has, which is in one such list at most. */
export interface Linked<T> {
  before?: T | undefined;
  after?: T | undefined;
}

/**
 * A list in the order of arrival, out of which each can be taken at once. A Set would do; see `ChurnedMap` for why not
 * where a hundred thousand a second come and go.
 */
export class LinkedList<T extends Linked<T>> {
  #first: T | undefined;
  #last: T | undefined;

  /** The one that is in it for the longest time. */
  get first(): T | undefined {
    return this.#first;
  }

  /** Puts one at the end, which is in no list. */
  push(item: T): void {
    item.before = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.after = item;
    this.#last = item;
  }

  /** Takes one out. Nothing happens where it is in no list. */
  delete(item: T): void {
    const { before, after } = item;
    if (before === undefined && this.#first !== item) return;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // It may live on, and would keep its neighbours.
    item.before = undefined;
    item.after = undefined;
  }
}
