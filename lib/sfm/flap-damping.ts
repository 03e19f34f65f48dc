/** Evictions further apart than this have nothing to do with each other. */
const FORGET_AFTER_MS = 60_000;

/** A site that restarts, or whose old connection hangs, evicts once or twice. */
const FREE_EVICTIONS = 2;

const FIRST_DELAY_MS = 1_000;

/**
 * Counts how often newcomers took one name in a row, and slows them down: two live endpoints under one name evict
 * each other for ever, each as fast as it can reconnect.
 */
export class FlapDamping {
  #count = 0;
  #lastAt = 0;

  /**
   * Notes an eviction.
   *
   * @returns how many there were, each within a minute of the one before
   */
  note(now: number): number {
    this.#count = this.#recent(now) + 1;
    this.#lastAt = now;
    return this.#count;
  }

  /** How long the next newcomer has to wait: nothing at first, then 1, 2, 4, ... seconds, up to `maxMs`. */
  delayMs(now: number, maxMs: number): number {
    const excess = this.#recent(now) - FREE_EVICTIONS;
    return excess < 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** excess, maxMs);
  }

  #recent(now: number): number {
    return now - this.#lastAt <= FORGET_AFTER_MS ? this.#count : 0;
  }
}
