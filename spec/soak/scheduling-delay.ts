/** How long a process did not run when it should have, since it was frozen or had no core: by how much its ticks came late. */
export class SchedulingDelay {
  readonly #periodMs: number;
  readonly #now: () => number;
  #tickedAt: number;
  #pastMs = 0;

  /** @param periodMs - how often {@link SchedulingDelay.tick} is to be called */
  constructor(periodMs: number, now = () => Date.now()) {
    this.#periodMs = periodMs;
    this.#now = now;
    this.#tickedAt = now();
  }

  /** In all, up to now, in milliseconds. */
  get totalMs(): number {
    return this.#pastMs + Math.max(0, this.#now() - this.#tickedAt - this.#periodMs);
  }

  tick(): void {
    this.#pastMs = this.totalMs;
    this.#tickedAt = this.#now();
  }
}
