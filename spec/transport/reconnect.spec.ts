import { defer, filter, finalize, NEVER, type Observable, of, ReplaySubject, Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { reconnect, type Retry } from '../../lib/transport/reconnect.js';

const options = { initialDelayMs: 1_000, maxDelayMs: 10_000, resetAfterMs: 10_000, jitter: 0 };

let scheduler: TestScheduler;

function marbles(test: Parameters<TestScheduler['run']>[0]): void {
  scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run(test);
}

interface Given {
  readonly halt$?: Observable<unknown>;
  readonly report?: (retry: Retry) => unknown;
  readonly jitter?: number;
}

/** The runs alone: the waits between them go to `report`. */
function again<T>(run$: Observable<T>, { halt$ = NEVER, report = () => undefined, jitter = 0 }: Given = {}) {
  return run$.pipe(
    reconnect<T>({ ...options, jitter }, halt$, scheduler),
    filter((event): event is T => {
      if (isRetry(event)) report(event);
      return !isRetry(event);
    }),
  );
}

function isRetry(event: unknown): event is Retry {
  return typeof event === 'object' && event !== null && 'type' in event && event.type === 'retry';
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('reconnect waits 1, 2, 4, 8, 10, 10 seconds', () => {
  const expected = 'a 999ms a 1999ms a 3999ms a 7999ms a 9999ms a 9999ms a';

  it('after errors', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(again(cold('(a#)')), '^ 36s !').toBe(expected);
    });
  });

  it('after clean ends', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(again(cold('(a|)')), '^ 36s !').toBe(expected);
    });
  });

  it('after both in turn', () => {
    marbles(({ cold, expectObservable }) => {
      let runs = 0;
      const run$ = defer(() => ((runs += 1) % 2 === 0 ? cold('(a|)') : cold('(a#)')));
      expectObservable(again(run$), '^ 36s !').toBe(expected);
    });
  });

  it('and reports each wait with its reason, which is absent after a clean end', () => {
    marbles(({ cold, flush }) => {
      const reports: Retry[] = [];
      const runs = [cold('#', {}, 'first'), cold('|'), cold('--#', {}, 'third'), cold('a')];
      const run$ = defer(() => runs.shift() ?? NEVER);
      again(run$, { report: (retry) => reports.push(retry) }).subscribe();
      flush();
      expect(reports).toEqual([
        { type: 'retry', delayMs: 1_000, error: 'first' },
        { type: 'retry', delayMs: 2_000 },
        { type: 'retry', delayMs: 4_000, error: 'third' },
      ]);
    });
  });
});

describe('reconnect waits 1 second again', () => {
  it('after a run longer than 10 s, by error or clean', () => {
    marbles(({ cold, expectObservable }) => {
      const runs = [cold('(a#)'), cold('(b#)'), cold('c 10s #'), cold('d 10s |'), cold('(e#)'), cold('f')];
      const run$ = defer(() => runs.shift() ?? NEVER);
      const expected = 'a 999ms b 1999ms c 10s 999ms -d 10s 999ms -e 1999ms f';
      expectObservable(again(run$)).toBe(expected);
    });
  });

  it('but not after an attempt that took as long and came to nothing', () => {
    marbles(({ cold, flush }) => {
      const delays: number[] = [];
      const report = ({ delayMs }: Retry) => delays.push(delayMs);
      const runs = [
        cold('10001ms #'),
        cold('10001ms #'),
        cold('10001ms #'),
        cold('5s (a#)'),
        cold('a 10s #'),
      ];
      again(
        defer(() => runs.shift() ?? NEVER),
        { report },
      ).subscribe();
      flush();
      expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 1_000]);
    });
  });

  it('but not after one of exactly 10 s', () => {
    marbles(({ cold, expectObservable }) => {
      const runs = [cold('(a#)'), cold('b 9999ms #'), cold('c')];
      expectObservable(again(defer(() => runs.shift() ?? NEVER))).toBe('a 999ms b 9999ms 2s c');
    });
  });
});

describe('once halted, reconnect', () => {
  it('completes at once during a wait', () => {
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const run$ = cold('(a#)');
      const halt$ = hot('1500ms h');
      expectObservable(again(run$, { halt$ })).toBe('a 999ms a 499ms |');
      expectSubscriptions(run$.subscriptions).toBe(['(^!)', '1s (^!)']);
    });
  });

  it.each(['|', '#'])('lets a run go on to its end %s, and then completes', (end) => {
    marbles(({ cold, hot, expectObservable }) => {
      const halt$ = new ReplaySubject<unknown>(1);
      hot('2s h').subscribe(halt$);
      expectObservable(again(cold(`a 4999ms ${end}`), { halt$ })).toBe('a 4999ms |');
    });
  });

  it('completes without a wait where it is halted upon the report of one', () => {
    marbles(({ cold, expectObservable }) => {
      const halt = new Subject<void>();
      expectObservable(again(cold('a--#'), { halt$: halt, report: () => halt.next() })).toBe('a--|');
    });
  });

  it('reports no wait for the run that ended after it', () => {
    marbles(({ cold, flush }) => {
      const reports: Retry[] = [];
      again(cold('a 4s #'), { halt$: of('h'), report: (retry) => reports.push(retry) }).subscribe();
      flush();
      expect(reports).toEqual([]);
    });
  });
});

describe('reconnect', () => {
  it('never has two runs at a time, and none after it is unsubscribed', () => {
    marbles(({ cold, expectObservable, flush }) => {
      let running = 0;
      let most = 0;
      const run$ = defer(() => {
        running += 1;
        most = Math.max(most, running);
        return cold('a 3s #').pipe(finalize(() => (running -= 1)));
      });
      expectObservable(again(run$), '^ 30s !');
      flush();
      expect([most, running]).toEqual([1, 0]);
    });
  });

  it('starts each subscription with the first wait', () => {
    marbles(({ cold, expectObservable }) => {
      const result$ = again(cold('(a#)'));
      expectObservable(result$, '^ 3500ms !').toBe('a 999ms a 1999ms a');
      expectObservable(result$, '10s ^ 3500ms !').toBe('10s a 999ms a 1999ms a');
    });
  });

  it('reports a wait in the stream itself, behind the run and before the next one', () => {
    marbles(({ cold, expectObservable }) => {
      const retry: Retry = { type: 'retry', delayMs: 1_000, error: 'error' };
      const all$ = cold('a--#').pipe(reconnect(options, NEVER, scheduler));
      expectObservable(all$, '^ 1004ms !').toBe('a--r 999ms a', { a: 'a', r: retry });
    });
  });

  it.each([
    [0, [1_000, 2_000, 4_000, 8_000, 10_000]],
    [0.5, [900, 1_800, 3_600, 7_200, 9_000]],
    [1, [800, 1_600, 3_200, 6_400, 8_000]],
  ])('cuts up to the jitter off each wait: with chance %s they are %j', (chance, delays) => {
    vi.spyOn(Math, 'random').mockReturnValue(chance);
    marbles(({ cold, expectObservable, flush }) => {
      const reports: number[] = [];
      const report = ({ delayMs }: Retry) => reports.push(Math.round(delayMs));
      expectObservable(again(cold('#'), { jitter: 0.2, report }), '^ 24s !');
      flush();
      expect(reports.slice(0, 5)).toEqual(delays);
    });
  });
});
