import { describe, expect, it } from 'vitest';

import { flapDelayMs, NO_FLAPS, withFlap } from '../../lib/sfm/flap-damping.js';

const MAX_MS = 5_000;

describe('flap damping', () => {
  it('lets the first two take a name at once, and slows the others down, up to a limit', () => {
    let flaps = NO_FLAPS;
    const delays = Array.from({ length: 7 }, (_, index) => {
      const delayMs = flapDelayMs(flaps, index, MAX_MS);
      flaps = withFlap(flaps, index);
      expect(flaps).toEqual({ count: index + 1, lastAt: index });
      return delayMs;
    });
    expect(delays).toEqual([0, 0, 1_000, 2_000, 4_000, MAX_MS, MAX_MS]);
  });

  it('goes on while each comes within a minute of the one before, and forgets after that', () => {
    const flaps = [0, 60_000, 120_000].reduce(withFlap, NO_FLAPS);
    expect(flaps).toEqual({ count: 3, lastAt: 120_000 });
    expect([180_000, 180_001].map((now) => flapDelayMs(flaps, now, MAX_MS))).toEqual([2_000, 0]);
    expect(withFlap(flaps, 180_001).count).toBe(1);
  });

  it('leaves what it is given as it was', () => {
    withFlap(NO_FLAPS, 5);
    expect(NO_FLAPS).toEqual({ count: 0, lastAt: 0 });
  });
});
