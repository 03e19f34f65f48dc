import { describe, expect, it } from 'vitest';

import { ReturnCode } from '../../lib/cellnet/index.js';
import { PullBudget } from '../../lib/cellnet/pull-budget.js';

const REFUSED: unknown = expect.objectContaining({ returnCode: ReturnCode.SERVICE_UNAVAILABLE });
const LIMITS = { maxPulls: 3, maxPullsPerNeighbour: 2, maxPulledBytes: 15, maxPulledBytesPerNeighbour: 10 };

describe('the budget of pulls', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 16])('refuses %d bytes, and counts on', (bytes) => {
    const budget = new PullBudget(LIMITS);
    const held = budget.begin();
    expect(() => held.add(bytes)).toThrow(REFUSED);
    held.add(15);
    expect(budget.bytes).toBe(15);
    held.release();
    expect(budget.bytes).toBe(0);
  });

  it('has a share for each neighbour', () => {
    const budget = new PullBudget(LIMITS);
    const [one, again] = [budget.begin('one'), budget.begin('one')];
    expect(() => budget.begin('one')).toThrow(REFUSED);
    const two = budget.begin('two');
    expect(() => budget.begin()).toThrow(REFUSED);
    one.add(6);
    expect(() => again.add(5)).toThrow(REFUSED);
    again.add(4);
    two.add(5);
    expect(() => two.add(1)).toThrow(REFUSED);
    one.release();
    again.add(6);
    for (const held of [again, two]) held.release();
    expect([budget.pulls, budget.bytes]).toEqual([0, 0]);
    budget.begin('one').add(10);
  });

  it('counts the bytes of a pull that has ended until they are released, or dropped', () => {
    const budget = new PullBudget(LIMITS);
    const [one, again] = [budget.begin('one'), budget.begin('one')];
    one.add(8);
    one.end();
    again.end();
    again.release();
    expect([budget.pulls, budget.bytes]).toEqual([0, 8]);
    const next = budget.begin('one');
    expect(() => next.add(3)).toThrow(REFUSED);
    one.drop(1);
    next.add(3);
    for (const held of [one, next]) held.release();
    expect([budget.pulls, budget.bytes]).toEqual([0, 0]);
  });
});
