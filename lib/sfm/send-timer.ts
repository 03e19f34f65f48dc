import { SEND_TIME_BOUNDS_MS, type SendTimes } from '../stats.js';

/** No message was timed. */
export const NO_TIMES: SendTimes = {
  count: 0,
  sumMs: 0,
  maxMs: 0,
  bins: SEND_TIME_BOUNDS_MS.map(() => 0).concat(0),
};

/**
 * Times how long messages take to get out. One at a time: a clock for each would cost more than to send it.
 * Messages are numbered in the order sent.
 */
export class SendTimer {
  readonly #now: () => number;
  #timed: number | undefined;
  #startedAt = 0;
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;
  /** Made for the first time taken: ten thousand endpoints that nothing is sent to need none. */
  #bins: number[] | undefined;

  /** @param now - milliseconds, of any beginning */
  constructor(now: () => number) {
    this.#now = now;
  }

  get times(): SendTimes {
    if (this.#bins === undefined) return NO_TIMES;
    return { count: this.#count, sumMs: this.#sumMs, maxMs: this.#maxMs, bins: [...this.#bins] };
  }

  /** Message `number` was accepted. */
  accepted(number: number): void {
    if (this.#timed !== undefined) return;
    this.#timed = number;
    this.#startedAt = this.#now();
  }

  /** All messages up to `number` are out. */
  written(number: number): void {
    if (this.#timed === undefined || this.#timed > number) return;
    this.#timed = undefined;
    this.#record(this.#now() - this.#startedAt);
  }

  /** What is on its way will not get out. */
  abandon(): void {
    this.#timed = undefined;
  }

  #record(ms: number): void {
    this.#bins ??= [...NO_TIMES.bins];
    let bin = 0;
    while (bin < SEND_TIME_BOUNDS_MS.length && ms > (SEND_TIME_BOUNDS_MS[bin] ?? 0)) bin += 1;
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += ms;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }
}
