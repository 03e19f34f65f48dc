import { describe, it } from 'vitest';

import { markSilence } from '../../lib/monitor/mark-silence.js';
import { marbles } from '../support/marbles.js';

const VALUES = { a: 'a', b: 'b', q: 'q', s: 'silence' };

/** Patient for 4 ms, and for 2 ms behind a `q`. */
function expectMarked(values: string, expected: string, subscription?: string): void {
  marbles((scheduler, { hot, expectObservable, expectSubscriptions }) => {
    const value$ = hot(values);
    const patience = (value: string) => (value === 'q' ? 2 : 4);
    expectObservable(value$.pipe(markSilence('silence', patience, scheduler)), '^----------!').toBe(
      expected,
      VALUES,
    );
    if (subscription !== undefined) expectSubscriptions(value$.subscriptions).toBe(subscription);
  });
}

describe('markSilence', () => {
  it('tells nothing while values come in time', () => expectMarked('a-b-a-b-|', 'a-b-a-b-|'));
  it('tells each silence once', () => expectMarked('a-----b---', 'a---s-b---s'));
  it('has the patience that a value asks for', () => expectMarked('q--a------', 'q-sa---s--'));
  it('waits for the first one for ever', () => expectMarked('----------', '----------'));
  it('ends with its source, and is not silent then', () => expectMarked('a-|', 'a-|', '^-!'));
  it('fails with its source', () => expectMarked('a-#', 'a-#', '^-!'));
  it('lets go of its source', () => expectMarked('a---------', 'a---s-----', '^----------!'));
});
