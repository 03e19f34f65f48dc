import { expect, it } from 'vitest';

import { type Linked, LinkedList } from '../../lib/cellnet/linked-list.js';

interface Item extends Linked<Item> {
  readonly name: string;
}

function setUp(...names: string[]) {
  const list = new LinkedList<Item>();
  const items = names.map((name): Item => ({ name }));
  for (const item of items) list.push(item);
  const drained = () => {
    const left: string[] = [];
    for (let item = list.first; item !== undefined; item = list.first) {
      left.push(item.name);
      list.delete(item);
    }
    return left;
  };
  return { list, items, drained };
}

it.each([
  [[], 'abc'],
  [[0], 'bc'],
  [[1], 'ac'],
  [[2], 'ab'],
  [[0, 1, 2], ''],
  [[2, 2, 0], 'b'],
])('keeps the order of what is left when %j are taken out', (gone, left) => {
  const { list, items, drained } = setUp('a', 'b', 'c');
  for (const item of gone.flatMap((index) => items[index] ?? [])) list.delete(item);
  expect(drained().join('')).toBe(left);
});

it('takes one again that was taken out, at its end, and refers to nobody then', () => {
  const { list, items, drained } = setUp('a', 'b', 'c');
  const [first] = items as [Item];
  list.delete(first);
  expect([first.before, first.after]).toEqual([undefined, undefined]);
  list.push(first);
  expect(drained()).toEqual(['b', 'c', 'a']);
});
