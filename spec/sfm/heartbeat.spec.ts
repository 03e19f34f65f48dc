import { type Observable, type SchedulerLike, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import {
  type Heart,
  heartbeat,
  type HeartbeatEvent,
  type HeartbeatOptions,
  lookAt,
  noteAsked,
  type Pulse,
} from '../../lib/sfm/heartbeat.js';

/** A peer whose signs of life are worked by hand. */
class FakeHeart implements Heart {
  activity = 0;
  isPaused = false;
  pulse: Pulse | undefined;
}

const everyTwenty = { intervalMs: 20, timeoutMs: 20 };

function marbles(
  test: (helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0], scheduler: TestScheduler) => void,
) {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => test(helpers, scheduler));
}

function valuesOf(heart: FakeHeart): Record<string, HeartbeatEvent<FakeHeart>> {
  return { p: { type: 'ask', heart }, t: { type: 'silent', heart } };
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

  it.each([
    [0, 20],
    [0, 0],
  ])(
    'is asked nothing and never given up when the interval is %d, with a timeout of %d',
    (intervalMs, timeoutMs) => {
      marbles(({ expectObservable }, scheduler) => {
        const beats$ = heartbeat(() => [new FakeHeart()], { intervalMs, timeoutMs }, scheduler);
        expectObservable(beats$, '^ 500ms !').toBe('');
      });
    },
  );
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
  /** When a heart was asked or given up that is paused at 27 ms, and resumed at 100 ms if at all. */
  function pausedAt27(options: HeartbeatOptions, untilMs: number, resumed: boolean) {
    const seen: [number, string][] = [];
    marbles(({ cold, flush }, scheduler) => {
      const heart = new FakeHeart();
      cold(resumed ? '27ms x 72ms y' : '27ms x').subscribe((mark) => (heart.isPaused = mark === 'x'));
      const beats = heartbeat(() => [heart], options, scheduler).subscribe(({ type }) =>
        seen.push([scheduler.now(), type]),
      );
      timer(untilMs, scheduler).subscribe(() => beats.unsubscribe());
      flush();
    });
    return seen;
  }

  it('is not blamed for its silence, until some time after it is resumed', () => {
    const seen = pausedAt27(everyTwenty, 144, true);
    expect(seen[0]).toEqual([25, 'ask']);
    expect(seen.filter(([ms]) => ms >= 100)).toEqual([
      [120, 'ask'],
      [140, 'silent'],
    ]);
    expect(seen.filter(([, type]) => type === 'silent')).toHaveLength(1);
  });

  it.each([
    ['an interval', everyTwenty, 5],
    ['no timeout', { intervalMs: 20, timeoutMs: 0 }, 5],
    ['an interval of 0', { intervalMs: 0, timeoutMs: 20 }, 5],
    ['neither', { intervalMs: 0, timeoutMs: 0 }, 5_000],
  ])('is asked on each sweep, as our own sign of life: with %s', (_, options, tickMs) => {
    const seen = pausedAt27(options, 27 + 4.5 * tickMs, false);
    const first = Math.ceil(27 / tickMs) * tickMs;
    expect(seen.filter(([ms]) => ms > 27)).toEqual(
      [0, 1, 2, 3].map((count) => [first + count * tickMs, 'ask']),
    );
  });
});

describe('a look at a heart', () => {
  it('keeps the pulse while there is no sign of life, and begins a new one with each', () => {
    const heart = new FakeHeart();
    const first = lookAt(heart, 5);
    expect(first).toEqual({ activity: 0, heardAt: 5, askedAt: undefined });
    expect(noteAsked(heart, 7)).toEqual({ activity: 0, heardAt: 5, askedAt: 7 });
    expect(lookAt(heart, 9)).toEqual({ activity: 0, heardAt: 5, askedAt: 7 });
    heart.activity = 1;
    expect(lookAt(heart, 11)).toEqual({ activity: 1, heardAt: 11, askedAt: undefined });
    expect(heart.pulse).toEqual({ activity: 1, heardAt: 11, askedAt: undefined });
  });

  it('notes that it was asked beside a sign of life that has come', () => {
    const heart = new FakeHeart();
    lookAt(heart, 5);
    heart.activity = 1;
    expect(noteAsked(heart, 7)).toEqual({ activity: 1, heardAt: 7, askedAt: 7 });
  });

  it('is what the sweep goes by, whoever asked', () => {
    marbles(({ cold, expectObservable }, scheduler) => {
      const heart = new FakeHeart();
      cold('11ms x').subscribe(() => noteAsked(heart, scheduler.now()));
      const beats$ = heartbeat(() => [heart], everyTwenty, scheduler);
      expectObservable(beats$, '^ 36ms !').toBe('35ms t', valuesOf(heart));
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
      const values = { p: { type: 'ask', heart: early }, l: { type: 'ask', heart: late } } as const;
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
