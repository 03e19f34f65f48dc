import fc from 'fast-check';
import { type Observable, type Observer, Subject, type Subscription, take } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { HotSource } from '../../lib/transport/hot-source.js';

const LISTENERS = 3;
const BROKEN = new Error('broken');

/** What one listener saw, and when it stops to listen by itself. */
interface Listener {
  readonly seen: unknown[];
  subscription: Subscription | undefined;
}

const listener = fc.nat({ max: LISTENERS - 1 });
const act = fc.oneof(
  fc.record({ type: fc.constant('next' as const), value: fc.nat({ max: 99 }) }),
  fc.record({ type: fc.constant('subscribe' as const), listener, atMost: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ type: fc.constant('unsubscribe' as const), listener }),
  // While a value is handed on, the first listener does something that the others may notice.
  fc.record({ type: fc.constant('subscribe within' as const), value: fc.nat({ max: 99 }), listener }),
  fc.record({ type: fc.constant('unsubscribe within' as const), value: fc.nat({ max: 99 }), listener }),
  fc.record({ type: fc.constant('complete' as const) }),
  fc.record({ type: fc.constant('error' as const) }),
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** Plays the acts, and tells what each listener saw. */
function play(acts: readonly Act[], source: Observer<number>, values$: Observable<number>): unknown[][] {
  const listeners = Array.from({ length: LISTENERS }, (): Listener => ({
    seen: [],
    subscription: undefined,
  }));
  let within: (() => void) | undefined;

  function subscribe(index: number, atMost: number): void {
    const target = listeners[index];
    if (target === undefined || target.subscription?.closed === false) return;
    target.subscription = values$.pipe(take(atMost)).subscribe({
      next: (value) => {
        target.seen.push(value);
        const now = within;
        within = undefined;
        now?.();
      },
      error: (error: unknown) => target.seen.push(error),
      complete: () => target.seen.push('complete'),
    });
  }

  for (const step of acts) {
    if (step.type === 'subscribe') subscribe(step.listener, step.atMost);
    else if (step.type === 'unsubscribe') listeners[step.listener]?.subscription?.unsubscribe();
    else if (step.type === 'complete') source.complete();
    else if (step.type === 'error') source.error(BROKEN);
    else {
      if (step.type === 'subscribe within') within = () => subscribe(step.listener, 9);
      if (step.type === 'unsubscribe within')
        within = () => listeners[step.listener]?.subscription?.unsubscribe();
      source.next(step.value);
      within = undefined;
    }
  }
  return listeners.map(({ seen }) => seen);
}

describe('a hot source', () => {
  it('shows each listener what a Subject would, whoever comes and goes in between', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 25 }), (acts) => {
        const subject = new Subject<number>();
        const source = new HotSource<number>();
        expect(play(acts, source, source.values$)).toEqual(play(acts, subject, subject));
      }),
      { seed: 1, numRuns: 3_000 },
    );
  });

  it('knows whether anybody listens', () => {
    const source = new HotSource<number>();
    expect(source.observed).toBe(false);
    const both = [source.values$.subscribe(), source.values$.subscribe()];
    both[0]?.unsubscribe();
    expect(source.observed).toBe(true);
    both[1]?.unsubscribe();
    expect(source.observed).toBe(false);
    source.values$.subscribe();
    source.complete();
    expect(source.observed).toBe(false);
  });
});
