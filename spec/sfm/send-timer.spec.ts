import { describe, expect, it } from 'vitest';

import { SendTimer } from '../../lib/sfm/send-timer.js';
import { SEND_TIME_BOUNDS_MS } from '../../lib/stats.js';

/** A timer on a clock that is set by hand. */
function setUp() {
  const clock = { ms: 0 };
  const timer = new SendTimer(() => clock.ms);
  const time = (number: number, ms: number): void => {
    timer.accepted(number);
    clock.ms += ms;
    timer.written(number);
  };
  return { clock, timer, time };
}

/** The upper bounds of the bins that are not empty, and how much is in them. */
function filled(bins: readonly number[]): [number, number][] {
  return bins
    .map((count, index): [number, number] => [SEND_TIME_BOUNDS_MS[index] ?? Infinity, count])
    .filter(([, count]) => count > 0);
}

describe('a send timer', () => {
  it('has no times at first, and a bin for each bound and one more', () => {
    const { times } = setUp().timer;
    expect([times.count, times.sumMs, times.maxMs]).toEqual([0, 0, 0]);
    expect(times.bins).toEqual([...SEND_TIME_BOUNDS_MS.map(() => 0), 0]);
    const { timer, time } = setUp();
    time(1, 0);
    expect(timer.times.bins).toEqual([1, ...SEND_TIME_BOUNDS_MS.map(() => 0)]);
  });

  it('puts each time into the bin that ends at it or above it', () => {
    const { timer, time } = setUp();
    [0, 0.05, 0.06, 1, 1.5, 10_000, 10_001].forEach((ms, index) => time(index, ms));
    expect(filled(timer.times.bins)).toEqual([
      [0.05, 2],
      [0.1, 1],
      [1, 1],
      [2, 1],
      [10_000, 1],
      [Infinity, 1],
    ]);
    expect(timer.times.bins).toHaveLength(SEND_TIME_BOUNDS_MS.length + 1);
    expect(timer.times).toMatchObject({ count: 7, sumMs: 20_003.61, maxMs: 10_001 });
  });

  it('times one message at a time, until all up to it are out', () => {
    const { clock, timer } = setUp();
    timer.accepted(1);
    clock.ms = 1;
    timer.accepted(2);
    clock.ms = 3;
    timer.written(0);
    expect(timer.times.count).toBe(0);
    timer.written(2);
    timer.written(2);
    expect(timer.times).toMatchObject({ count: 1, sumMs: 3 });
  });

  it('forgets the message that will not get out', () => {
    const { timer, time } = setUp();
    timer.accepted(1);
    timer.abandon();
    timer.written(1);
    time(2, 5);
    expect(timer.times).toMatchObject({ count: 1, sumMs: 5 });
  });

  it('gives away copies', () => {
    const { timer, time } = setUp();
    time(1, 1);
    const before = timer.times;
    time(2, 1);
    expect([before.count, timer.times.count]).toEqual([1, 2]);
    expect(filled(before.bins)).toEqual([[1, 1]]);
  });
});
