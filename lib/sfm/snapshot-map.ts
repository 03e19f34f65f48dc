/** A change set is merged into a new base when it outgrows this, or the square root of the base. */
const MIN_CHANGES = 32;

interface Change<V> {
  readonly value: V | undefined;
}

/**
 * An immutable map whose `withAll` and `without` cost about the square root of its size, so that a snapshot after
 * each of 10,000 joins stays cheap. A snapshot is a shared base and a small set of changes to it.
 *
 * It reads as a plain `ReadonlyMap`. Values are never `undefined`. Iteration follows the first insertion.
 */
export class SnapshotMap<K, V> implements ReadonlyMap<K, V> {
  readonly size: number;
  readonly #base: ReadonlyMap<K, V>;
  readonly #changes: ReadonlyMap<K, Change<V>>;

  private constructor(base: ReadonlyMap<K, V>, changes: ReadonlyMap<K, Change<V>>, size: number) {
    this.#base = base;
    this.#changes = changes;
    this.size = size;
  }

  /** The map with nothing in it. */
  static empty<K, V>(): SnapshotMap<K, V> {
    return new SnapshotMap<K, V>(new Map(), new Map(), 0);
  }

  /** This map with more entries. Many cost as much as one. */
  withAll(entries: ReadonlyMap<K, V>): SnapshotMap<K, V> {
    if (entries.size === 0) return this;
    const changes = new Map(this.#changes);
    let { size } = this;
    for (const [key, value] of entries) {
      if (!this.has(key)) size += 1;
      changes.set(key, { value });
    }
    return this.#settled(changes, size);
  }

  /** This map without `key`. */
  without(key: K): SnapshotMap<K, V> {
    return this.has(key) ? this.withoutAll([key]) : this;
  }

  get(key: K): V | undefined {
    const change = this.#changes.get(key);
    return change === undefined ? this.#base.get(key) : change.value;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[K, V]> {
    for (const [key, value] of this.#base) {
      const change = this.#changes.get(key);
      if (change === undefined) yield [key, value];
      else if (change.value !== undefined) yield [key, change.value];
    }
    for (const [key, { value }] of this.#changes) {
      if (value !== undefined && !this.#base.has(key)) yield [key, value];
    }
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  /** This map without some keys. Many cost as much as one. */
  withoutAll(keys: Iterable<K>): SnapshotMap<K, V> {
    const changes = new Map(this.#changes);
    let { size } = this;
    for (const key of keys) {
      const change = changes.get(key);
      if ((change === undefined ? this.#base.get(key) : change.value) === undefined) continue;
      changes.set(key, { value: undefined });
      size -= 1;
    }
    return size === this.size ? this : this.#settled(changes, size);
  }

  #settled(changes: ReadonlyMap<K, Change<V>>, size: number): SnapshotMap<K, V> {
    const next = new SnapshotMap(this.#base, changes, size);
    const limit = Math.max(MIN_CHANGES, Math.sqrt(this.#base.size));
    return changes.size <= limit ? next : new SnapshotMap<K, V>(new Map(next.entries()), new Map(), size);
  }
}
