import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Timeouts, type Waiting } from '../../lib/cellnet/timeouts.js';

const DAY_MS = 24 * 60 * 60 * 1_000;

interface Named extends Waiting<Named> {
  readonly name: string;
}

function setUp() {
  const scheduler = new VirtualTimeScheduler();
  const givenUp: [name: string, atMs: number][] = [];
  const timeouts = new Timeouts<Named>(scheduler, ({ name }) => {
    givenUp.push([name, scheduler.now()]);
    if (name === 'again') timeouts.start(waiting('later', 100));
  });
  const waiting = (name: string, timeoutMs: number): Named => ({ name, timeoutMs, deadlineMs: 0 });
  const at = (ms: number, work: () => void) => scheduler.schedule(work, ms);
  const run = () => {
    scheduler.flush();
    return givenUp;
  };
  return { scheduler, timeouts, waiting, at, run };
}

describe('time-outs', () => {
  it('give up each that waits when its own time is over', () => {
    const { timeouts, waiting, at, run } = setUp();
    timeouts.start(waiting('a', 100));
    at(30, () => timeouts.start(waiting('b', 100)));
    at(30, () => timeouts.start(waiting('c', 20)));
    at(99, () => timeouts.start(waiting('d', 100)));
    expect(run()).toEqual([
      ['c', 50],
      ['a', 100],
      ['b', 130],
      ['d', 199],
    ]);
  });

  it('begin anew, and end', () => {
    const { timeouts, waiting, at, run } = setUp();
    const [anew, stopped] = [waiting('anew', 100), waiting('stopped', 100)];
    timeouts.start(anew);
    timeouts.start(stopped);
    at(60, () => timeouts.start(anew));
    at(70, () => timeouts.stop(stopped));
    expect(run()).toEqual([['anew', 160]]);
  });

  it('have one timer for all that wait equally long, which goes on for those that come later', () => {
    const { scheduler, timeouts, waiting } = setUp();
    for (const name of ['a', 'b', 'c']) {
      const each = waiting(name, 100);
      timeouts.start(each);
      timeouts.stop(each);
    }
    expect(scheduler.actions).toHaveLength(1);
    scheduler.flush();
    expect([scheduler.now(), scheduler.actions]).toEqual([100, []]);
  });

  it('have no timers of times that nothing waits for, but for the last', () => {
    const { scheduler, timeouts, waiting } = setUp();
    for (let timeoutMs = 1; timeoutMs <= 50; timeoutMs += 1) {
      const each = waiting('a', timeoutMs);
      timeouts.start(each);
      timeouts.stop(each);
    }
    expect(scheduler.actions.filter((action) => !action.closed)).toHaveLength(1);
  });

  it('have one timer again for a time that nothing waited for until it was over', () => {
    const { scheduler, timeouts, waiting, run } = setUp();
    for (const round of [1, 2]) {
      const each = waiting(`round ${round}`, 100);
      timeouts.start(each);
      timeouts.stop(each);
      if (round === 1) scheduler.flush();
    }
    timeouts.start(waiting('later', 100));
    expect(scheduler.actions.filter((action) => !action.closed)).toHaveLength(1);
    expect(run()).toEqual([['later', 200]]);
  });

  it('have none when they are closed', () => {
    const { scheduler, timeouts, waiting, run } = setUp();
    timeouts.start(waiting('a', 100));
    timeouts.start(waiting('b', 200));
    timeouts.close();
    timeouts.start(waiting('c', 100));
    expect(scheduler.actions.every((action) => action.closed)).toBe(true);
    expect(run()).toEqual([]);
  });

  it('can be begun while others are given up', () => {
    const { timeouts, waiting, run } = setUp();
    timeouts.start(waiting('again', 100));
    timeouts.start(waiting('second', 100));
    expect(run()).toEqual([
      ['again', 100],
      ['second', 100],
      ['later', 200],
    ]);
  });

  it('can be longer than a timer', () => {
    const { timeouts, waiting, run } = setUp();
    timeouts.start(waiting('long', 30 * DAY_MS));
    expect(run()).toEqual([['long', 30 * DAY_MS]]);
  });
});
