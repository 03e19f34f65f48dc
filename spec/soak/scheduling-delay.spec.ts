import { expect, it } from 'vitest';

import { SchedulingDelay } from './scheduling-delay.js';

it('adds up by how much ticks come late, the one to come too', () => {
  let now = 1_000;
  const delay = new SchedulingDelay(50, () => now);
  const seen = [40, 60, 50, 350, 50].map((ms) => {
    now += ms;
    delay.tick();
    return delay.totalMs;
  });
  expect(seen).toEqual([0, 10, 10, 310, 310]);
  now += 150;
  expect(delay.totalMs).toBe(410);
});
