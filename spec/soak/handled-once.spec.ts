import { expect, it } from 'vitest';

import { HandledOnce } from './handled-once.js';

it('tells a request that comes twice, in any order, and forgets old runs and old numbers', () => {
  const handled = new HandledOnce();
  expect([2, 1, 3].map((number) => handled.note('a', 1, number))).toEqual([true, true, true]);
  expect(handled.note('a', 1, 2)).toBe(false);
  expect(handled.note('b', 1, 2)).toBe(true);
  expect(handled.note('a', 2, 2)).toBe(true);
  expect(handled.note('a', 1, 2)).toBe(true);
  expect(handled.note('a', 2, 2)).toBe(false);
  expect(handled.note('a', 2, 514)).toBe(true);
  expect(handled.note('a', 2, 2)).toBe(true);
  expect(handled.count).toBe(10);
});
