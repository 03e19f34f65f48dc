import type { Tally } from '../stats.js';
import type { StatsTotals } from './stats-totals.js';

/** What had gone through a communicator at one moment, in all. */
export interface HistorySample {
  /** In milliseconds since 1970. */
  readonly at: number;
  /** How many endpoints were READY, without watchers. */
  readonly ready: number;
  readonly received: Tally;
  readonly sent: Tally;
}

/** How much is kept: an hour in steps of 15 seconds, about 30 kB. */
export const HISTORY_PERIOD_MS = 15_000;
const SAMPLES = 240;

/** A ring of the newest samples. The figures are sums since the start, so rates need no more than two of them. */
export class StatsHistory {
  #samples: readonly HistorySample[] = [];

  /** The oldest first. */
  get samples(): readonly HistorySample[] {
    return this.#samples;
  }

  /** Adds one, and evicts the oldest where there are 240. */
  add(at: number, { ready, received, sent }: StatsTotals): void {
    this.#samples = [...this.#samples, { at, ready, received, sent }].slice(-SAMPLES);
  }
}
