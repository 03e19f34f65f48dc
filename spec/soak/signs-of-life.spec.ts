import { expect, it } from 'vitest';

import { SignsOfLife } from './signs-of-life.js';

it('tells when the connection of an endpoint last showed activity, as its ticks saw it', () => {
  let now = 1_000;
  const signs = new SignsOfLife(() => now);
  const connection = { activity: 7 };
  expect(signs.lastOf('site')).toBe(0);
  signs.watch('site', connection);
  const seen = [7, 8, 8, 10, 10].map((activity) => {
    now += 50;
    connection.activity = activity;
    signs.tick();
    return signs.lastOf('site');
  });
  expect(seen).toEqual([1_000, 1_100, 1_100, 1_200, 1_200]);
  signs.watch('site', { activity: 10 });
  expect(signs.lastOf('site')).toBe(1_250);
});
