import { describe, expect, it, vi } from 'vitest';

import { Fifo } from '../../lib/transport/fifo.js';
import { seededRandom } from '../support/random.js';

describe('a Fifo', () => {
  it('gives items in the order added, and nothing when it is empty', () => {
    const fifo = new Fifo<string>();
    for (const item of ['a', 'b', 'c']) fifo.push(item);
    expect([fifo.length, fifo.shift(), fifo.shift(), fifo.length]).toEqual([3, 'a', 'b', 1]);
    fifo.push('d');
    expect([fifo.shift(), fifo.shift(), fifo.shift(), fifo.length]).toEqual(['c', 'd', undefined, 0]);
  });

  it('behaves like an array over 5,000 random steps', () => {
    const random = seededRandom(3);
    const fifo = new Fifo<number>();
    const model: number[] = [];
    for (let step = 0; step < 5_000; step += 1) {
      const chance = random();
      if (chance < 0.5) {
        fifo.push(step);
        model.push(step);
      } else if (chance < 0.55) {
        fifo.unshift([step, -step]);
        model.unshift(step, -step);
      } else if (chance < 0.998) {
        expect(fifo.shift()).toBe(model.shift());
      } else {
        fifo.clear();
        model.length = 0;
      }
      expect(fifo.length).toBe(model.length);
    }
  });

  it('gives the memory of what was taken back, and moves little for that', () => {
    const fifo = new Fifo<number>();
    for (let item = 0; item < 1_000; item += 1) fifo.push(item);
    const moves = vi.spyOn(Array.prototype, 'slice');
    while (fifo.length > 0) fifo.shift();
    const moved = moves.mock.results.map(({ value }) => (value as number[]).length);
    moves.mockRestore();
    expect(moved.at(-1)).toBe(0);
    // An array's own shift would move half a million.
    expect(moved.reduce((sum, length) => sum + length, 0)).toBeLessThan(1_000);
  });

  it('is empty when cleared, and takes items again', () => {
    const fifo = new Fifo<string>();
    for (const item of ['a', 'b', 'c']) fifo.push(item);
    fifo.shift();
    fifo.clear();
    expect([fifo.length, fifo.shift()]).toEqual([0, undefined]);
    fifo.push('d');
    expect([fifo.length, fifo.shift()]).toEqual([1, 'd']);
  });

  it('counts an item that is undefined', () => {
    const fifo = new Fifo<undefined>();
    fifo.push(undefined);
    fifo.push(undefined);
    fifo.shift();
    expect(fifo.length).toBe(1);
  });
});
