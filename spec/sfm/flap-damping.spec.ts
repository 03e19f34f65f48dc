import { describe, expect, it } from 'vitest';

import { FlapDamping } from '../../lib/sfm/flap-damping.js';

const MAX_MS = 5_000;

describe('FlapDamping', () => {
  it('lets the first two take a name at once, and slows the others down, up to a limit', () => {
    const flaps = new FlapDamping();
    const delays = Array.from({ length: 7 }, (_, index) => {
      const delayMs = flaps.delayMs(index, MAX_MS);
      expect(flaps.note(index)).toBe(index + 1);
      return delayMs;
    });
    expect(delays).toEqual([0, 0, 1_000, 2_000, 4_000, MAX_MS, MAX_MS]);
  });

  it('goes on while each comes within a minute of the one before, and forgets after that', () => {
    const flaps = new FlapDamping();
    expect([0, 60_000, 120_000].map((now) => flaps.note(now))).toEqual([1, 2, 3]);
    expect([flaps.delayMs(180_000, MAX_MS), flaps.delayMs(180_001, MAX_MS)]).toEqual([2_000, 0]);
    expect(flaps.note(180_001)).toBe(1);
  });
});
