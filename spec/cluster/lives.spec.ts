import { expect, it } from 'vitest';

import { Lives } from '../../lib/cluster/lives.js';

/** Sweeps in its own time, as long as nothing freezes. */
function sweepUntil(lives: Lives, from: number, to: number): [number, string][] {
  const gone: [number, string][] = [];
  for (let now = from; now <= to; now += lives.periodMs)
    for (const replica of lives.sweep(now)) gone.push([now, replica]);
  return gone;
}

it('a replica is gone when it has been silent for longer than the bound, and no earlier', () => {
  const lives = new Lives(1_000);
  expect(lives.seen('a', 0)).toBe(true);
  lives.seen('b', 500);
  expect(lives.seen('a', 10)).toBe(false);
  expect(sweepUntil(lives, 0, 2_000)).toEqual([
    [1_250, 'a'],
    [1_750, 'b'],
  ]);
  expect(lives.alive).toEqual([]);
  expect(lives.gone(2_000)).toEqual([
    ['a', 750],
    ['b', 250],
  ]);
  expect(lives.seen('a', 2_100)).toBe(true);
  expect(lives.gone(2_100)).toEqual([['b', 350]]);
});

it('after a freeze of ours, silence proves nothing', () => {
  const lives = new Lives(1_000);
  lives.seen('a', 0);
  expect(sweepUntil(lives, 0, 250)).toEqual([]);
  expect(lives.sweep(60_000)).toEqual([]);
  expect(sweepUntil(lives, 60_250, 61_000)).toEqual([]);
  expect(sweepUntil(lives, 61_250, 61_250)).toEqual([[61_250, 'a']]);
});

it('what is left of a replica that never shows itself is found, and forgotten', () => {
  const lives = new Lives(1_000);
  lives.noteTrace('dead', 100);
  lives.seen('alive', 100);
  lives.noteTrace('alive', 200);
  expect(lives.gone(300)).toEqual([['dead', 200]]);
  lives.forget('dead');
  expect(lives.gone(300)).toEqual([]);
  expect(lives.left('alive', 300)).toBe(true);
  expect(lives.left('alive', 300)).toBe(false);
});
