import { describe, expect, it } from 'vitest';

import { ReplyBudget } from '../../lib/cellnet/reply-budget.js';

const LIMITS = { maxReplies: 3, maxReplyBytes: 30, maxRepliesPerNeighbour: 2, maxReplyBytesPerNeighbour: 20 };

describe('the budget of replies', () => {
  it('bounds those of one neighbour, and those of all', () => {
    const budget = new ReplyBudget(LIMITS);
    const taken = ['a', 'a', 'a', 'b', 'b', 'c'].map((name) => budget.begin(name, 1) !== undefined);
    expect(taken).toEqual([true, true, false, true, false, false]);
  });

  it('bounds what they hold, but for one alone', () => {
    const budget = new ReplyBudget(LIMITS);
    const end = budget.begin('a', 100);
    expect(end).toBeDefined();
    expect(budget.begin('b', 0)).toBeUndefined();
    end?.();
    expect(budget.begin('a', 15)).toBeDefined();
    expect(budget.begin('a', 6)).toBeUndefined();
    expect(budget.begin('b', 16)).toBeUndefined();
    expect(budget.begin('b', 15)).toBeDefined();
  });

  it('has room for one that is not encoded yet where any byte fits', () => {
    const budget = new ReplyBudget(LIMITS);
    const end = budget.begin('a', 100);
    expect([budget.hasRoomFor('a'), budget.hasRoomFor('b')]).toEqual([false, false]);
    end?.();
    budget.begin('a', 20);
    expect([budget.hasRoomFor('a'), budget.hasRoomFor('b')]).toEqual([false, true]);
    budget.begin('b', 0);
    budget.begin('b', 0);
    expect(budget.hasRoomFor('b')).toBe(false);
  });

  it('has room again for what has ended', () => {
    const budget = new ReplyBudget(LIMITS);
    for (let round = 0; round < 10; round += 1) {
      const ends = ['a', 'a', 'b'].map((name) => budget.begin(name, 10));
      expect(ends).not.toContain(undefined);
      expect(budget.begin('c', 0)).toBeUndefined();
      for (const end of ends) end?.();
    }
  });
});
