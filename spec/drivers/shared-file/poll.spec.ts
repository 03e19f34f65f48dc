import { defer, delay, EMPTY, type Observable, of, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { backingOff, givingUp, poll } from '../../../lib/drivers/shared-file/poll.js';

/** Looks that find these one after the other, and then nothing. */
function finding(...finds: readonly (string | undefined)[]): Observable<string | undefined> {
  let count = 0;
  return defer(() => of(finds[count++]));
}

function marbles(
  check: (scheduler: TestScheduler, helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0]) => void,
) {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => check(scheduler, helpers));
}

describe('poll', () => {
  it('looks at once, at once after a find, and after growing waits otherwise', () => {
    marbles((scheduler, { expectObservable }) => {
      const look$ = finding('a', 'b', undefined, undefined, undefined, 'c', undefined, 'd');
      // Waits of 15, 22.5 and 33.75 ms, which is 71.25; back to 15 after the find.
      const polled$ = poll(look$, backingOff(10, 1_000), EMPTY, scheduler);
      expectObservable(polled$, '120ms !').toBe('(ab) 67.25ms c 14ms d', { a: 'a', b: 'b', c: 'c', d: 'd' });
    });
  });

  it('waits no longer than told', () => {
    marbles((scheduler, { expectObservable }) => {
      const polled$ = poll(
        finding(undefined, undefined, undefined, 'a'),
        backingOff(10, 20),
        EMPTY,
        scheduler,
      );
      expectObservable(polled$, '80ms !').toBe('55ms a');
    });
  });

  it('is woken from a wait', () => {
    marbles((scheduler, { expectObservable, hot }) => {
      const polled$ = poll(finding(undefined, 'a'), backingOff(10, 1_000), hot('4ms w'), scheduler);
      expectObservable(polled$, '12ms !').toBe('4ms a');
    });
  });

  it('looks again at once when it is woken while it looks', () => {
    marbles((scheduler, { expectObservable, hot }) => {
      const slow$ = finding(undefined, 'a').pipe(delay(5, scheduler));
      const polled$ = poll(slow$, backingOff(10, 1_000), hot('3ms w'), scheduler);
      expectObservable(polled$, '20ms !').toBe('10ms a');
    });
  });

  it('goes on without those that wake it', () => {
    marbles((scheduler, { expectObservable, hot }) => {
      const polled$ = poll(finding(undefined, 'a'), backingOff(10, 1_000), hot('3ms |'), scheduler);
      expectObservable(polled$, '20ms !').toBe('15ms a');
    });
  });

  it('ends after so many looks in a row that found nothing', () => {
    marbles((scheduler, { expectObservable }) => {
      const polled$ = poll(finding(undefined, undefined, 'a'), givingUp(10, 3), EMPTY, scheduler);
      expectObservable(polled$).toBe('20ms a 19ms |');
    });
  });

  it('errors as a look does', () => {
    marbles((scheduler, { expectObservable }) => {
      const error = new Error('broken');
      const failing$ = throwError(() => error);
      expectObservable(poll(failing$, backingOff(10, 20), EMPTY, scheduler)).toBe('#', {}, error);
    });
  });

  it('leaves those that wake it when it is unsubscribed', () => {
    marbles((scheduler, { expectObservable, expectSubscriptions, hot }) => {
      const wake$ = hot('---w');
      expectObservable(poll(finding(), backingOff(10, 20), wake$, scheduler), '----!').toBe('');
      expectSubscriptions(wake$.subscriptions).toBe('^---!');
    });
  });
});
