import type { Observable, SchedulerLike } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import {
  type Heart,
  heartbeat,
  type HeartbeatEvent,
  type HeartbeatOptions,
} from '../../lib/sfm/heartbeat.js';

/** A peer whose signs of life are worked by hand. */
class FakeHeart implements Heart {
  activity = 0;
  isPaused = false;
}

const everyTwenty = { intervalMs: 20, timeoutMs: 20 };

function marbles(
  test: (helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0], scheduler: TestScheduler) => void,
) {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => test(helpers, scheduler));
}

function valuesOf(heart: FakeHeart): Record<string, HeartbeatEvent<FakeHeart>> {
  return { p: { type: 'ping', heart }, t: { type: 'timeout', heart } };
}

// It looks every 5 ms and first sees the heart at 5 ms.
describe('a silent heart', () => {
  it('is asked after the interval and given up after the timeout', () => {
    marbles(({ expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      const beats$ = heartbeat(() => [heart], everyTwenty, scheduler);
      expectObservable(beats$, '^ 46ms !').toBe('25ms p 19ms t', valuesOf(heart));
    });
  });

  it('is asked again and again and never given up without a timeout', () => {
    marbles(({ expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      const beats$ = heartbeat(() => [heart], { intervalMs: 20, timeoutMs: 0 }, scheduler);
      expectObservable(beats$, '^ 70ms !').toBe('25ms p 19ms p 19ms p', valuesOf(heart));
    });
  });

  it('is asked nothing when the interval is 0', () => {
    marbles(({ expectObservable }, scheduler) => {
      expectObservable(heartbeat(() => [new FakeHeart()], { intervalMs: 0, timeoutMs: 20 }, scheduler)).toBe(
        '|',
      );
    });
  });
});

describe('a process that was frozen', () => {
  const frozenAt27 = (scheduler: TestScheduler, cold: (marbles: string) => Observable<string>) => {
    let frozenMs = 0;
    cold('27ms x').subscribe(() => (frozenMs = 1_000));
    return Object.create(scheduler, { now: { value: () => scheduler.now() + frozenMs } }) as SchedulerLike;
  };

  it('gives a heart up only at the next look, when it has read what came meanwhile', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      const beats$ = heartbeat(() => [heart], everyTwenty, frozenAt27(scheduler, cold));
      expectObservable(beats$, '^ 36ms !').toBe('25ms p 9ms t', valuesOf(heart));
    });
  });

  it('keeps a heart that had beaten', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      cold('32ms x').subscribe(() => (heart.activity += 1));
      const beats$ = heartbeat(() => [heart], everyTwenty, frozenAt27(scheduler, cold));
      expectObservable(beats$, '^ 46ms !').toBe('25ms p', valuesOf(heart));
    });
  });
});

describe('a sign of life', () => {
  it('before the PING puts it off', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      cold('12ms x 19ms x').subscribe(() => (heart.activity += 1));
      const beats$ = heartbeat(() => [heart], everyTwenty, scheduler);
      expectObservable(beats$, '^ 56ms !').toBe('55ms p', valuesOf(heart));
    });
  });

  it('after the PING saves the connection, and the silence begins anew', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      cold('43ms x').subscribe(() => (heart.activity += 1));
      const beats$ = heartbeat(() => [heart], everyTwenty, scheduler);
      expectObservable(beats$, '^ 86ms !').toBe('25ms p 39ms p 19ms t', valuesOf(heart));
    });
  });

  it('counts from any number, also from one that became smaller', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      heart.activity = 7;
      cold('22ms x').subscribe(() => (heart.activity = 3));
      const beats$ = heartbeat(() => [heart], everyTwenty, scheduler);
      expectObservable(beats$, '^ 46ms !').toBe('45ms p', valuesOf(heart));
    });
  });
});

describe('a heart that is paused', () => {
  it('is not blamed for its silence, until some time after it is resumed', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      cold('27ms x 72ms y').subscribe((mark) => (heart.isPaused = mark === 'x'));
      const beats$ = heartbeat(() => [heart], everyTwenty, scheduler);
      expectObservable(beats$, '^ 136ms !').toBe('25ms p 89ms p 19ms t', valuesOf(heart));
    });
  });
});

describe('many hearts', () => {
  it('are watched by one timer, each by its own silence, from when they are first seen', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const [early, late] = [new FakeHeart(), new FakeHeart()];
      const hearts = [early];
      cold('11ms x').subscribe(() => hearts.push(late));
      const beats$ = heartbeat(() => hearts, everyTwenty, scheduler);
      const values = { p: { type: 'ping', heart: early }, l: { type: 'ping', heart: late } } as const;
      expectObservable(beats$, '^ 36ms !').toBe('25ms p 9ms l', values);
    });
  });

  it('may go while they are looked at', () => {
    marbles((_, scheduler) => {
      const hearts = new Set([new FakeHeart(), new FakeHeart(), new FakeHeart()]);
      const asked: Heart[] = [];
      const beats = heartbeat(() => hearts, everyTwenty, scheduler).subscribe(({ heart }) => {
        asked.push(heart);
        hearts.delete(heart);
        if (hearts.size === 0) beats.unsubscribe();
      });
      scheduler.flush();
      expect(asked).toHaveLength(3);
    });
  });
});

describe('the sweep', () => {
  it.each([
    [{ intervalMs: 60_000, timeoutMs: 30_000 }, 5_000],
    [{ intervalMs: 60_000, timeoutMs: 0 }, 5_000],
    [{ intervalMs: 8_000, timeoutMs: 4_000 }, 1_000],
    [{ intervalMs: 2, timeoutMs: 0 }, 1],
  ])('with %j looks every %d ms', (options: HeartbeatOptions, tickMs) => {
    marbles((_, scheduler) => {
      const looks: number[] = [];
      const hearts = () => {
        looks.push(scheduler.now());
        if (looks.length === 3) beats.unsubscribe();
        return [];
      };
      const beats = heartbeat(hearts, options, scheduler).subscribe();
      scheduler.flush();
      expect(looks).toEqual([tickMs, 2 * tickMs, 3 * tickMs]);
    });
  });
});
