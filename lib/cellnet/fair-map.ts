/** What a map may have, for one owner and in all. */
export interface Shares {
  readonly maxOwned: number;
  readonly maxEntries: number;
}

/** What is remembered of cells, by the neighbour that brought it. */
export const CELL_SHARES: Shares = { maxOwned: 1_000, maxEntries: 10_000 };

interface Entry<V> {
  readonly value: V;
  readonly owner: string;
}

/**
 * A map that forgets, with a share for each owner: the neighbour that brought an entry. Beyond its share the oldest entry
 * of the owner is evicted; beyond all, the oldest of the owner that has most. So one that floods it evicts its own.
 */
export class FairMap<V> {
  readonly #shares: Shares;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #owned = new Map<string, Set<string>>();

  readonly #evicted: (value: V) => void;

  /** @param evicted - called with what is evicted, and not with what is deleted */
  constructor(shares: Shares, evicted: (value: V) => void = () => undefined) {
    this.#shares = shares;
    this.#evicted = evicted;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** The entries, the oldest first. */
  *[Symbol.iterator](): IterableIterator<readonly [key: string, value: V]> {
    for (const [key, { value }] of this.#entries) yield [key, value];
  }

  /** Sets the newest entry. */
  set(key: string, value: V, owner: string): void {
    this.delete(key);
    const owned = this.#owned.get(owner) ?? new Set();
    this.#owned.set(owner, owned.add(key));
    this.#entries.set(key, { value, owner });
    if (owned.size > this.#shares.maxOwned) this.#evictFrom(owned);
    if (this.#entries.size > this.#shares.maxEntries) this.#evictFrom(this.#largest(owned));
  }

  /** Makes an entry its newest, where its owner has half of its share: sooner, none is evicted. */
  refresh(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const owned = this.#owned.get(entry.owner)?.size ?? 0;
    if (owned >= this.#shares.maxOwned / 2) this.set(key, entry.value, entry.owner);
  }

  delete(key: string): void {
    const owner = this.#entries.get(key)?.owner;
    if (owner === undefined) return;
    this.#entries.delete(key);
    const owned = this.#owned.get(owner);
    owned?.delete(key);
    if (owned?.size === 0) this.#owned.delete(owner);
  }

  /** Deletes all entries of an owner. @returns whether there were any */
  deleteOwned(owner: string): boolean {
    const owned = this.#owned.get(owner);
    for (const key of owned ?? []) this.#entries.delete(key);
    return this.#owned.delete(owner);
  }

  clear(): void {
    this.#entries.clear();
    this.#owned.clear();
  }

  #evictFrom(owned: ReadonlySet<string>): void {
    for (const oldest of owned) {
      const entry = this.#entries.get(oldest);
      this.delete(oldest);
      if (entry !== undefined) this.#evicted(entry.value);
      return;
    }
  }

  #largest(first: ReadonlySet<string>): ReadonlySet<string> {
    let largest = first;
    for (const owned of this.#owned.values()) if (owned.size > largest.size) largest = owned;
    return largest;
  }
}
