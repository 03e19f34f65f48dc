import { CommError, CommErrorCode } from '../comm-error.js';
import type { PortRanges } from './driver.js';

/** The open ends of a range: `"-9000"` begins here, `"8000-"` ends there (NVFlare's `net_utils`). */
const LOW_PORT = 1025;
const HIGH_PORT = 65535;

/** A range up to this size is tried in order; a larger one at random. */
const ORDERED_PORTS = 10;
const RANDOM_TRIES = 20;

/**
 * The ports to try for `ports`, in the order to try them: all of a small range, a random choice of a large one.
 *
 * @throws CommError `BAD_CONFIG` where it is not a port or range
 */
export function candidatePorts(ranges: PortRanges): number[] {
  const list = typeof ranges === 'object' ? ranges : [ranges];
  return list.flatMap((entry) => {
    const { low, high } = parseRange(entry);
    const size = high - low + 1;
    if (size <= ORDERED_PORTS) return Array.from({ length: size }, (_, index) => low + index);
    return Array.from({ length: RANDOM_TRIES }, () => low + Math.floor(Math.random() * size));
  });
}

function parseRange(entry: number | string): { low: number; high: number } {
  const [, first, dash, last] = /^\s*(\d+)?\s*(?:(-)\s*(\d+)?)?\s*$/.exec(String(entry)) ?? [];
  const low = Number(first ?? LOW_PORT);
  const high = dash === undefined ? low : Number(last ?? HIGH_PORT);
  const isMissing = first === undefined && last === undefined;
  if (isMissing || low < 1 || high > HIGH_PORT || low > high) {
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `ports: expected 8000, "8000-9000", "-9000" or "8000-", got ${JSON.stringify(entry)}`,
    );
  }
  return { low, high };
}
