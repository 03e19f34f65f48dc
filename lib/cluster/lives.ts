/** The signs of life of the other replicas. Times are milliseconds of a clock that never goes back. */
export class Lives {
  readonly #timeoutMs: number;
  readonly #seenAt = new Map<string, number>();
  readonly #goneSince = new Map<string, number>();
  #sweptAt: number | undefined;
  /** Read for each message that is passed on, and seldom changed. */
  #alive: readonly string[] | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** How often to sweep, and to give a sign of life. */
  get periodMs(): number {
    return this.#timeoutMs / 4;
  }

  /** The replicas that live, in order. */
  get alive(): readonly string[] {
    return (this.#alive ??= [...this.#seenAt.keys()].sort());
  }

  /** The replicas that are gone, and for how long. */
  gone(now: number): readonly (readonly [string, number])[] {
    return [...this.#goneSince].map(([replica, since]) => [replica, now - since]);
  }

  isAlive(replica: string): boolean {
    return this.#seenAt.has(replica);
  }

  /** For how long a replica has been gone; `undefined` where it is not, or nothing is left of it. */
  goneForMs(replica: string, now: number): number | undefined {
    const since = this.#goneSince.get(replica);
    return since === undefined ? undefined : now - since;
  }

  /** A sign of life. @returns whether the replica was not taken for alive before */
  seen(replica: string, now: number): boolean {
    const isNews = !this.#seenAt.has(replica);
    this.#seenAt.set(replica, now);
    this.#goneSince.delete(replica);
    if (isNews) this.#alive = undefined;
    return isNews;
  }

  /** A replica has left. @returns whether it was alive */
  left(replica: string, now: number): boolean {
    if (!this.#seenAt.delete(replica)) return false;
    this.#goneSince.set(replica, now);
    this.#alive = undefined;
    return true;
  }

  /** Something is left of a replica, which may be dead. */
  noteTrace(replica: string, now: number): void {
    if (!this.#seenAt.has(replica) && !this.#goneSince.has(replica)) this.#goneSince.set(replica, now);
  }

  /** Nothing is left of a replica that is gone. */
  forget(replica: string): void {
    this.#goneSince.delete(replica);
  }

  /** Gives all a whole time again, since it was us who could not hear. */
  renew(now: number): void {
    for (const replica of this.#seenAt.keys()) this.#seenAt.set(replica, now);
  }

  /**
   * Finds those that are silent for too long. After a freeze of ours, silence proves nothing.
   *
   * @param patienceMs - how long a replica says that it may be silent: the longer of this and ours counts
   */
  sweep(now: number, patienceMs: (replica: string) => number = () => 0): readonly string[] {
    const sinceSweep = now - (this.#sweptAt ?? now);
    this.#sweptAt = now;
    if (sinceSweep > 2 * this.periodMs) {
      this.renew(now);
      return [];
    }
    const silent = [...this.#seenAt].filter(
      ([replica, seenAt]) => now - seenAt > Math.max(this.#timeoutMs, patienceMs(replica)),
    );
    for (const [replica] of silent) this.left(replica, now);
    return silent.map(([replica]) => replica);
  }
}
