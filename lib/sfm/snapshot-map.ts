/** Entries are copied after as many changes as there were entries, and this many at least. */
const MIN_CHANGES = 32;

/** A snapshot that is this far from entries, or the square root of its size, gets them when it is read. */
const MIN_WALK = 32;

/** The value of each changed key; `undefined` where it is absent. */
type Changes<K, V> = ReadonlyMap<K, V | undefined>;

/** Where the entries are. */
interface Own<K, V> {
  readonly entries: Map<K, V>;
  /** How many changes may be made to them before they are copied. */
  readonly changesLeft: number;
  /** They are a copy for a snapshot that had been changed, and move to one near to it when that is read. */
  readonly isSpare: boolean;
  /** Iterators that have not ended. While there are any, the entries stay as they are. */
  readers: number;
}

/** The way to the entries, and what is different there. */
interface Lent<K, V> {
  readonly next: SnapshotMap<K, V>;
  readonly undo: Changes<K, V>;
}

/**
 * An immutable map whose changes cost what those of a `Map` do, so that 100,000 endpoints can join and leave with a
 * snapshot after each. `withAll` and `withoutAll` change the entries of the newest snapshot in place and give them to
 * the next one; the older one keeps what it takes to come back ("rerooting", H. G. Baker, Shallow Binding Makes
 * Functional Arrays Fast, 1991). A snapshot that nobody holds is collected, and one that is held keeps a few copies
 * of the entries alive at most, with as many changes as there were entries.
 *
 * It reads as a plain `ReadonlyMap`. Values are never `undefined`. Iteration follows insertion order; in a snapshot that
 * has been changed since, entries that have left since may come last. A change during an iteration copies the entries.
 */
export class SnapshotMap<K, V> implements ReadonlyMap<K, V> {
  readonly size: number;
  #content: Own<K, V> | Lent<K, V>;

  private constructor(content: Own<K, V>) {
    this.#content = content;
    this.size = content.entries.size;
  }

  /** The map with nothing in it. */
  static empty<K, V>(): SnapshotMap<K, V> {
    // All begin with it, so its entries are copied at once.
    return new SnapshotMap<K, V>({ entries: new Map(), changesLeft: 0, isSpare: false, readers: 0 });
  }

  /** This map with more entries. */
  withAll(entries: ReadonlyMap<K, V>): SnapshotMap<K, V> {
    return entries.size === 0 ? this : this.#changed(entries);
  }

  /** This map without some keys. */
  withoutAll(keys: Iterable<K>): SnapshotMap<K, V> {
    const removed = new Map<K, undefined>();
    for (const key of keys) if (this.has(key)) removed.set(key, undefined);
    return removed.size === 0 ? this : this.#changed(removed);
  }

  get(key: K): V | undefined {
    const most = this.#farthest;
    let content = this.#content;
    for (let walked = 0; 'next' in content; walked += 1) {
      if (content.undo.has(key)) return content.undo.get(key);
      if (walked >= most) return this.#own().entries.get(key);
      content = content.next.#content;
    }
    return content.entries.get(key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** The first values. */
  first(count: number): V[] {
    const values: V[] = [];
    if (count > 0) for (const value of this.#own().entries.values()) if (values.push(value) >= count) break;
    return values;
  }

  entries(): MapIterator<[K, V]> {
    return this.#walk((entries) => entries);
  }

  keys(): MapIterator<K> {
    return this.#walk((entries) => entries.keys());
  }

  values(): MapIterator<V> {
    return this.#walk((entries) => entries.values());
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  *#walk<T>(over: (entries: ReadonlyMap<K, V>) => Iterable<T>): MapIterator<T> {
    const own = this.#own();
    own.readers += 1;
    try {
      for (const each of over(own.entries)) yield each;
    } finally {
      own.readers -= 1;
    }
  }

  /** How far from entries it is read without having them. */
  get #farthest(): number {
    return Math.max(MIN_WALK, Math.sqrt(this.size));
  }

  #changed(changes: Changes<K, V>): SnapshotMap<K, V> {
    const own = this.#own();
    const isCopied = own.changesLeft <= 0 || own.readers > 0;
    const entries = isCopied ? new Map(own.entries) : own.entries;
    const undo = change(entries, changes);
    const changesLeft = isCopied ? Math.max(MIN_CHANGES, entries.size) : own.changesLeft - undo.size;
    const next = new SnapshotMap<K, V>({ entries, changesLeft, isSpare: false, readers: 0 });
    if (!isCopied) this.#content = { next, undo };
    return next;
  }

  /**
   * Gets the entries here. The newest snapshot does not lose its own: an older one gets a copy, and from there on the
   * ways of those between lead to that copy, which goes along with who reads them one after the other. What is changed
   * from an older one has entries of its own.
   */
  #own(): Own<K, V> {
    const way: Lent<K, V>[] = [];
    let content = this.#content;
    for (; 'next' in content; content = content.next.#content) way.push(content);
    if (way.length === 0) return content;
    const isNear = way.length <= 2 * this.#farthest;
    const isMoved = isNear && content.isSpare && content.readers === 0;
    const entries = isMoved ? content.entries : new Map(content.entries);
    for (const [index, { next, undo }] of [...way.entries()].reverse()) {
      const redo = change(entries, undo);
      const keepsOwn = index === way.length - 1 && !isMoved;
      if (!keepsOwn) next.#content = { next: way[index - 1]?.next ?? this, undo: redo };
    }
    const own = { entries, changesLeft: 0, isSpare: true, readers: 0 };
    this.#content = own;
    return own;
  }
}

/** Applies changes, and returns those that undo them. */
function change<K, V>(entries: Map<K, V>, changes: Changes<K, V>): Changes<K, V> {
  const undo = new Map<K, V | undefined>();
  for (const [key, value] of changes) {
    undo.set(key, entries.get(key));
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  }
  return undo;
}
