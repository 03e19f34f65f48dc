/** Evictions further apart than this have nothing to do with each other. */
const FORGET_AFTER_MS = 60_000;

/** A site that restarts, or whose old connection hangs, evicts once or twice. */
const FREE_EVICTIONS = 2;

const FIRST_DELAY_MS = 1_000;

/** How often newcomers took one name in a row, each within a minute of the one before. */
export interface Flaps {
  readonly count: number;
  /** The last time, in milliseconds since 1970. */
  readonly lastAt: number;
}

/** No eviction yet. */
export const NO_FLAPS: Flaps = { count: 0, lastAt: 0 };

/** Counts one more eviction. */
export function withFlap(flaps: Flaps, now: number): Flaps {
  return { count: recentFlaps(flaps, now) + 1, lastAt: now };
}

/**
 * How long the next newcomer has to wait, since two live endpoints under one name evict each other as fast as they
 * can reconnect: nothing at first, then 1, 2, 4, ... seconds, up to `maxMs`.
 */
export function flapDelayMs(flaps: Flaps, now: number, maxMs: number): number {
  const excess = recentFlaps(flaps, now) - FREE_EVICTIONS;
  return excess < 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** excess, maxMs);
}

function recentFlaps({ count, lastAt }: Flaps, now: number): number {
  return now - lastAt <= FORGET_AFTER_MS ? count : 0;
}
