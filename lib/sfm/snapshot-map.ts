/** Entries are copied for the newest snapshot when so many changes, or as many as there are entries, were made to them. */
const MIN_CHANGES = 32;
/** A snapshot that is further behind gets entries of its own when it is read. */
const MAX_WALK = 32;

interface Change<K, V> {
  readonly key: K;
  /** The value that it replaced. */
  readonly before: V | undefined;
}

/** Of the newest snapshot, and of an older one that needed them. */
interface Own<K, V> {
  readonly entries: Map<K, V>;
  /** Somebody may iterate over them. */
  readonly isKept: boolean;
}

/** Where the entries went, and how they come back from there. */
interface Lent<K, V> {
  readonly newer: SnapshotMap<K, V>;
  readonly undo: readonly Change<K, V>[];
}

/**
 * An immutable map whose changes cost what those of a `Map` do, so that 100,000 endpoints can join and leave with a
 * snapshot after each. `withAll` and `withoutAll` change the entries of the newest snapshot in place and hand them to
 * the next one; the older one keeps what it takes to come back ("rerooting", H. G. Baker, Shallow Binding Makes
 * Functional Arrays Fast, 1991). A snapshot that nobody holds costs nothing, and one that is held no more than a copy.
 *
 * It reads as a plain `ReadonlyMap`. Values are never `undefined`. To iterate is to keep: the next change copies the
 * entries, so that no iterator sees it. Iteration follows the insertion; in a snapshot that has been changed since,
 * entries that have left since may come last.
 */
export class SnapshotMap<K, V> implements ReadonlyMap<K, V> {
  readonly size: number;
  /** The changes that were made to the entries since they were copied. */
  readonly #age: number;
  #content: Own<K, V> | Lent<K, V>;

  private constructor(content: Own<K, V>, age = 0) {
    this.#content = content;
    this.#age = age;
    this.size = content.entries.size;
  }

  /** The map with nothing in it. */
  static empty<K, V>(): SnapshotMap<K, V> {
    // Whoever begins with it gets entries of its own.
    return new SnapshotMap<K, V>({ entries: new Map(), isKept: true });
  }

  /** This map with more entries. */
  withAll(entries: ReadonlyMap<K, V>): SnapshotMap<K, V> {
    return entries.size === 0 ? this : this.#changed(entries);
  }

  /** This map without `key`. */
  without(key: K): SnapshotMap<K, V> {
    return this.withoutAll([key]);
  }

  /** This map without some keys. */
  withoutAll(keys: Iterable<K>): SnapshotMap<K, V> {
    const left = [...keys].filter((key) => this.has(key));
    return left.length === 0 ? this : this.#changed(left.map((key) => [key, undefined]));
  }

  get(key: K): V | undefined {
    let content = this.#content;
    for (let walked = 0; 'newer' in content; content = content.newer.#content) {
      const change = content.undo.find((each) => each.key === key);
      if (change !== undefined) return change.before;
      walked += content.undo.length;
      if (walked > MAX_WALK) return this.#own().entries.get(key);
    }
    return content.entries.get(key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** The first values, without what it costs to iterate. */
  first(count: number): V[] {
    const values: V[] = [];
    if (count > 0) for (const value of this.#own().entries.values()) if (values.push(value) >= count) break;
    return values;
  }

  entries(): MapIterator<[K, V]> {
    return this.#kept().entries();
  }

  keys(): MapIterator<K> {
    return this.#kept().keys();
  }

  values(): MapIterator<V> {
    return this.#kept().values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  #changed(changes: Iterable<readonly [K, V | undefined]>): SnapshotMap<K, V> {
    const own = this.#own();
    const isCopied = own.isKept || this.#age > Math.max(MIN_CHANGES, this.size);
    const entries = isCopied ? new Map(own.entries) : own.entries;
    const undo: Change<K, V>[] = [];
    for (const [key, value] of changes) {
      undo.push({ key, before: entries.get(key) });
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
    const newer = new SnapshotMap({ entries, isKept: false }, isCopied ? 0 : this.#age + undo.length);
    if (!isCopied) this.#content = { newer, undo };
    return newer;
  }

  #kept(): ReadonlyMap<K, V> {
    const { entries } = this.#own();
    this.#content = { entries, isKept: true };
    return entries;
  }

  /** Makes the entries again from those of the newest snapshot, where they went there. */
  #own(): Own<K, V> {
    const undone: (readonly Change<K, V>[])[] = [];
    let content = this.#content;
    for (; 'newer' in content; content = content.newer.#content) undone.push(content.undo);
    if (undone.length === 0) return content;
    const entries = new Map(content.entries);
    for (const { key, before } of undone.flat().reverse()) {
      if (before === undefined) entries.delete(key);
      else entries.set(key, before);
    }
    this.#content = { entries, isKept: false };
    return this.#content;
  }
}
