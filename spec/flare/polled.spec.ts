import { defer, map, NEVER, type Observable, of, throwError } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { CellError, ReturnCode } from '../../lib/cellnet/index.js';
import { FlareError, FlareStatus } from '../../lib/flare/flare-error.js';
import { Polls } from '../../lib/flare/polled.js';
import { marbles } from '../support/marbles.js';

/** Asks every 10 ms, and at last every 40 ms. */
function polls(scheduler: TestScheduler, end$: Observable<unknown> = NEVER, idlePollMs = 40): Polls {
  return new Polls({ pollMs: 10, idlePollMs, scheduler }, end$);
}

/** A question whose answers are the letters of a text, the last one for ever. */
function question(answers: string, times: number[], scheduler: TestScheduler): Observable<string> {
  return defer(() => {
    times.push(scheduler.now());
    return of(answers[Math.min(times.length, answers.length) - 1] ?? '');
  });
}

const noConnection = new FlareError(FlareStatus.NO_CONNECTION, 'away');
const forbidden = new FlareError(FlareStatus.NOT_AUTHORIZED, 'no right');

describe('a poll', () => {
  it('asks more seldom while nothing changes, and as often as before once something has', () => {
    const times: number[] = [];
    marbles((scheduler, { expectObservable }) => {
      const poll$ = polls(scheduler).of('q', question('aaaaabb', times, scheduler));
      expectObservable(poll$, '219ms !').toBe('a 149ms b');
    });
    expect(times).toEqual([0, 10, 30, 70, 110, 150, 160, 180]);
  });

  it('asks once for all, gives the last answer to who comes later, and asks nothing for nobody', () => {
    const times: number[] = [];
    marbles((scheduler, { expectObservable }) => {
      const all = polls(scheduler);
      const poll$ = all.of('q', question('ab', times, scheduler));
      expectObservable(poll$, '^ 24ms !').toBe('a 9ms b');
      expectObservable(all.of('q', NEVER), '- 14ms ^ 14ms !').toBe('15ms b');
      expectObservable(poll$, '99ms ^ 4ms !').toBe('99ms b');
    });
    expect(times).toEqual([0, 10, 20, 99]);
  });

  it('goes on while the server is away, and fails with what is refused', () => {
    marbles((scheduler, { expectObservable }) => {
      const failures = [noConnection, new CellError(ReturnCode.TIMEOUT), forbidden];
      const question$ = defer(() => throwError(() => failures.shift() ?? new Error('asked again')));
      expectObservable(polls(scheduler).of('q', question$)).toBe('20ms #', {}, forbidden);
    });
  });

  it('spends no more than a tenth of the time on a question', () => {
    const times: number[] = [];
    marbles((scheduler, { cold, expectObservable }) => {
      const slow$ = defer(() => {
        times.push(scheduler.now());
        return cold('20ms (a|)').pipe(map(() => times.length));
      });
      expectObservable(polls(scheduler, NEVER, 400).of('q', slow$), '430ms !').toBe(
        '20ms a 199ms b 199ms c',
        {
          a: 1,
          b: 2,
          c: 3,
        },
      );
    });
    expect(times).toEqual([0, 200, 400]);
  });

  it('rests no longer than while nothing changes, however long an answer took', () => {
    const times: number[] = [];
    marbles((scheduler, { cold, expectObservable }) => {
      const slow$ = defer(() => {
        times.push(scheduler.now());
        return cold('100ms (a|)').pipe(map(() => times.length));
      });
      expectObservable(polls(scheduler).of('q', slow$), '250ms !').toBe('100ms a 139ms b', { a: 1, b: 2 });
    });
    expect(times).toEqual([0, 140]);
  });

  it('asks once the server is there, and does not count that as time to answer', () => {
    const times: number[] = [];
    marbles((scheduler, { cold, expectObservable }) => {
      const all = new Polls({ pollMs: 10, idlePollMs: 400, scheduler }, NEVER, cold('30ms x'));
      expectObservable(all.of('q', question('ab', times, scheduler)), '75ms !').toBe('30ms a 39ms b');
    });
    expect(times).toEqual([30, 70]);
  });

  it('ends with its session', () => {
    marbles((scheduler, { cold, expectObservable }) => {
      const closed$ = polls(scheduler, cold('5ms x')).of('q', of('a'));
      const expired$ = polls(scheduler, cold('5ms #', {}, forbidden)).of('q', of('a'));
      expectObservable(closed$).toBe('a 4ms |');
      expectObservable(expired$).toBe('a 4ms #', { a: 'a' }, forbidden);
    });
  });
});
