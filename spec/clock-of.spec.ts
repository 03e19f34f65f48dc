import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';
import { expect, it } from 'vitest';

import { clockOf } from '../lib/clock-of.js';

it('tells parts of milliseconds, or the time of a virtual scheduler', () => {
  expect(clockOf(new VirtualTimeScheduler())()).toBe(0);
  const now = clockOf(asyncScheduler);
  expect(Math.abs(now() - performance.now())).toBeLessThan(1_000);
});
