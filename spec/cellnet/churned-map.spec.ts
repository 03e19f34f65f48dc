import { expect, it } from 'vitest';

import { ChurnedMap } from '../../lib/cellnet/churned-map.js';

it('holds what a Map would, whatever comes and goes', () => {
  const map = new ChurnedMap<number>();
  const like = new Map<string, number>();
  let seed = 1;
  const next = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let step = 0; step < 20_000; step += 1) {
    const key = `key ${next(50)}`;
    if (next(2) === 0) {
      map.set(key, step);
      like.set(key, step);
    } else {
      map.delete(key);
      like.delete(key);
    }
    const other = `key ${next(50)}`;
    expect(map.get(other)).toBe(like.get(other));
  }
  expect(map.values().sort()).toEqual([...like.values()].sort());
});
