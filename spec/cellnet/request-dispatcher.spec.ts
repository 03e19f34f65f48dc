import { NEVER, Observable, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { CellCodec } from '../../lib/cellnet/cell-codec.js';
import type { CellHandler } from '../../lib/cellnet/cell-handler.js';
import type { CellMessage } from '../../lib/cellnet/cell-message.js';
import type { CellHeaders } from '../../lib/cellnet/headers.js';
import { RequestDispatcher } from '../../lib/cellnet/request-dispatcher.js';

describe('what was pulled for a request', () => {
  /** A request of `site-1` whose arrays have come at once, or never. */
  function setUp(handler: CellHandler, isPulled = true) {
    const state = { isHeld: false };
    const whole$ = new Observable<CellMessage>((subscriber) => {
      state.isHeld = true;
      if (isPulled) subscriber.next({ neighbour: 'site-1' } as CellMessage);
      return () => (state.isHeld = false);
    });
    const dispatcher = new RequestDispatcher({
      read: () => ({ message: {}, whole$ }),
    } as unknown as CellCodec);
    dispatcher.handlers.add('c', 't', handler);
    const headers = {
      cn__origin: 'site-1',
      cn__channel: 'c',
      cn__topic: 't',
      cn__reply_expected: true,
    } as unknown as CellHeaders;
    const answers: unknown[] = [];
    dispatcher.dispatch('site-1', headers, {}, (...answer) => answers.push(answer));
    return { state, dispatcher, answers };
  }

  const settled = () => new Promise((resolve) => setTimeout(resolve));

  it.each<[string, (done: Subject<number>) => ReturnType<CellHandler>]>([
    ['a promise', (done) => new Promise((resolve) => done.subscribe(resolve))],
    [
      'a promise that rejects',
      (done) => new Promise((_, reject) => done.subscribe(() => reject(new Error('it failed')))),
    ],
    ['an Observable', (done) => done],
  ])('is held until the handler is done: %s', async (_what, handler) => {
    const done = new Subject<number>();
    const { state, answers } = setUp(() => handler(done));
    await settled();
    expect(state.isHeld).toBe(true);
    done.next(1);
    await settled();
    expect(answers).toHaveLength(1);
    expect(state.isHeld).toBe(false);
  });

  it('is let go of at once where the handler returns a value, or throws', () => {
    expect(setUp(() => 1).state.isHeld).toBe(false);
    const { state, answers } = setUp(() => {
      throw new Error('it failed');
    });
    expect([state.isHeld, answers.length]).toEqual([false, 1]);
  });

  it('is held by a promise also where nobody waits for it any more, which ends a pull and an Observable', async () => {
    const { state, dispatcher } = setUp(() => new Promise(() => undefined));
    const observed = setUp(() => NEVER);
    const pulling = setUp(() => 1, false);
    expect(pulling.state.isHeld).toBe(true);
    for (const each of [dispatcher, observed.dispatcher, pulling.dispatcher]) each.running.cancel('site-1');
    await settled();
    expect([state, observed.state, pulling.state].map(({ isHeld }) => isHeld)).toEqual([true, false, false]);
  });
});
