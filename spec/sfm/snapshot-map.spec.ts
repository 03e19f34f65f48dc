import { describe, expect, it } from 'vitest';

import { SnapshotMap } from '../../lib/sfm/snapshot-map.js';
import { seededRandom } from '../support/random.js';

type Snapshot = SnapshotMap<string, number>;

const empty = (): Snapshot => SnapshotMap.empty<string, number>();

const abc = (): Snapshot =>
  empty().withAll(
    new Map([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]),
  );

function byKey(entries: Iterable<[string, number]>): [string, number][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Reads a snapshot in every way there is. */
function contentOf(map: Snapshot) {
  const each: [string, number][] = [];
  map.forEach((value, key, itself) => {
    if (itself === map) each.push([key, value]);
  });
  const zipped = [...map.keys()].map((key, index): [string, number] => [
    key,
    [...map.values()][index] ?? NaN,
  ]);
  return [map, map.entries(), each, zipped, new Map(map)].map(byKey);
}

/** How many entries any Map gets. A mock would keep the arguments of each of millions of calls. */
function copiesDuring(work: () => void): number {
  const original = Object.getOwnPropertyDescriptor(Map.prototype, 'set') ?? {};
  const set = original.value as (key: unknown, value: unknown) => Map<unknown, unknown>;
  let copies = 0;
  Map.prototype.set = function (key, value) {
    copies += 1;
    return set.call(this, key, value);
  };
  try {
    work();
  } finally {
    Object.defineProperty(Map.prototype, 'set', original);
  }
  return copies;
}

describe('SnapshotMap', () => {
  it('behaves like a Map over 5,000 random steps, and no older snapshot changes', () => {
    const random = seededRandom(42);
    const model = new Map<string, number>();
    const kept: { map: Snapshot; expected: [string, number][] }[] = [];
    let map = empty();
    for (let step = 0; step < 5_000; step += 1) {
      const key = `key-${Math.floor(random() * 300)}`;
      if (random() < 0.6) {
        model.set(key, step);
        map = map.withAll(new Map([[key, step]]));
      } else {
        model.delete(key);
        map = map.withoutAll([key]);
      }
      const [ours, theirs] = [map, model].map((each) => [each.size, each.has(key), each.get(key)].join());
      if (ours !== theirs) expect.fail(`step ${step}: expected ${theirs}, got ${ours}`);
      if (step % 100 === 0) kept.push({ map, expected: byKey(model) });
    }
    for (const { map: snapshot, expected } of kept) {
      for (const content of contentOf(snapshot)) expect(content).toEqual(expected);
      expect(snapshot.size).toBe(expected.length);
    }
  });

  it('copies little: 10,000 joins with a snapshot each', () => {
    let map = empty();
    const copies = copiesDuring(() => {
      for (let count = 0; count < 10_000; count += 1) map = map.withAll(new Map([[`key-${count}`, count]]));
    });
    expect(map.size).toBe(10_000);
    expect(copies).toBeGreaterThan(10_000);
    // A full copy for each join would be 50 million.
    expect(copies).toBeLessThan(60_000);
  });

  it('copies little when 1,000 of 10,000 change their state or go', () => {
    let map = empty();
    for (let count = 0; count < 10_000; count += 1) map = map.withAll(new Map([[`key-${count}`, count]]));
    const copies = copiesDuring(() => {
      for (let count = 0; count < 1_000; count += 2) {
        map = map.withAll(new Map([[`key-${count}`, -1]])).withoutAll([`key-${count + 1}`]);
      }
    });
    expect([map.size, map.get('key-0'), map.has('key-1')]).toEqual([9_500, -1, false]);
    expect(copies).toBeLessThan(30_000);
  });

  it('copies little where 3,000 snapshots are read by name long after, the oldest first', () => {
    const all: Snapshot[] = [];
    let map = empty();
    for (let count = 0; count < 3_000; count += 1)
      all.push((map = map.withAll(new Map([[`key-${count}`, count]]))));
    const copies = copiesDuring(() => {
      for (const [count, snapshot] of all.entries())
        if (snapshot.get(`key-${count}`) !== count || snapshot.has(`key-${count + 1}`))
          expect.fail(`${count}`);
    });
    // A copy for each would be 4.5 million.
    expect(copies).toBeLessThan(200_000);
  });

  it('copies little where each of 3,000 is looked into, and not walked to its end', () => {
    let map = empty();
    const copies = copiesDuring(() => {
      for (let count = 0; count < 3_000; count += 1) {
        map = map.withAll(new Map([[`key-${count}`, count]]));
        for (const key of map.keys()) if (key === 'key-0') break;
      }
    });
    expect(copies).toBeLessThan(20_000);
  });

  it('keeps little for a small snapshot that is held while 10,000 join and go', () => {
    const held = empty().withAll(new Map([['first', 1]]));
    let map = held;
    for (let count = 0; count < 10_000; count += 1) map = map.withAll(new Map([[`key-${count}`, count]]));
    for (let count = 0; count < 10_000; count += 1) map = map.withoutAll([`key-${count}`]);
    const copies = copiesDuring(() => expect([...held]).toEqual([['first', 1]]));
    expect(copies).toBeLessThan(200);
    expect([...map]).toEqual([['first', 1]]);
  });

  it('has each snapshot of a thousand changes, the last ones and those far behind, by name and size', () => {
    const random = seededRandom(5);
    const all: { map: Snapshot; expected: Map<string, number> }[] = [];
    let map = empty();
    const model = new Map<string, number>();
    for (let step = 0; step < 1_000; step += 1) {
      const key = `key-${Math.floor(random() * 20)}`;
      if (random() < 0.7) model.set(key, step);
      else model.delete(key);
      map = model.has(key) ? map.withAll(new Map([[key, step]])) : map.withoutAll([key]);
      all.push({ map, expected: new Map(model) });
    }
    // The newest first: who reads an older one must not change what the newer ones say.
    for (const { map: snapshot, expected } of all.reverse()) {
      const names = Array.from({ length: 21 }, (_, index) => `key-${index}`);
      expect(names.map((name) => snapshot.get(name))).toEqual(names.map((name) => expected.get(name)));
      expect(snapshot.size).toBe(expected.size);
    }
  });

  it('can go on from any snapshot, each on a way of its own', () => {
    const trunk = empty().withAll(new Map([['a', 1]]));
    const [left, right] = [trunk.withAll(new Map([['b', 2]])), trunk.withAll(new Map([['b', 3]]))];
    const none = trunk.withoutAll(['a']);
    expect([trunk, left, right, none].map((map) => [...map])).toEqual([
      [['a', 1]],
      [
        ['a', 1],
        ['b', 2],
      ],
      [
        ['a', 1],
        ['b', 3],
      ],
      [],
    ]);
    expect([...empty()]).toEqual([]);
  });

  it('takes its entries from another snapshot, also where that shares entries with it', () => {
    const all: Snapshot[] = [empty()];
    for (let count = 0; count < 40; count += 1)
      all.push((all.at(-1) ?? empty()).withAll(new Map([[`key-${count}`, count]])));
    const [ten, twenty] = [all[10] ?? empty(), all[20] ?? empty()];
    expect([...twenty.keys()]).toHaveLength(20);
    const both = ten.withAll(new Map([['own', 1]]));
    expect(byKey(twenty.withAll(both))).toEqual(byKey([...twenty, ['own', 1]]));
    expect([...twenty.keys()]).toHaveLength(20);
    expect([...twenty.withAll(ten)]).toEqual([...twenty]);
  });

  it('copies little where three read, at distances from each other', () => {
    const all: Snapshot[] = [];
    let map = empty();
    for (let count = 0; count < 3_000; count += 1)
      all.push((map = map.withAll(new Map([[`key-${count % 1_500}`, count]]))));
    const copies = copiesDuring(() => {
      for (let at = 0; at < 1_000; at += 1)
        for (const behind of [0, 200, 1_500]) all[at + behind]?.get('none');
    });
    // To go back and forth each time would be 3 million.
    expect(copies).toBeLessThan(300_000);
  });

  it('shows an iterator nothing of later changes', () => {
    const map = abc();
    const seen: string[] = [];
    let next = map;
    for (const [key] of map) {
      seen.push(key);
      next = next
        .withoutAll(['b'])
        .withoutAll(['c'])
        .withAll(new Map([[`${key}'`, 4]]));
    }
    expect(seen).toEqual(['a', 'b', 'c']);
    expect([...next.keys()]).toEqual(['a', "a'", "b'", "c'"]);
  });

  it('gives the first values, as many as there are', () => {
    const map = abc();
    const later = map.withoutAll(['a']);
    expect([-1, 0, 2, 9].map((count) => later.first(count))).toEqual([[], [], [2, 3], [2, 3]]);
    expect(map.first(1)).toHaveLength(1);
  });

  it('iterates in the order of the first insertion, also after changes', () => {
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    let map = keys.reduce((before, key, index) => before.withAll(new Map([[key, index]])), empty());
    for (const key of [...keys].reverse()) map = map.withAll(new Map([[key, -1]]));
    expect([...map.keys()]).toEqual(keys);
  });

  it('is its own snapshot where nothing is taken away', () => {
    const map = empty().withAll(new Map([['a', 1]]));
    expect(map.withoutAll(['b'])).toBe(map);
  });

  it('keeps values that are falsy', () => {
    const map = SnapshotMap.empty<string, number | string | boolean | null>()
      .withAll(new Map([['a', 0]]))
      .withAll(new Map([['b', '']]));
    const more = map.withAll(new Map([['c', false]])).withAll(new Map([['d', null]]));
    expect([...more]).toEqual([
      ['a', 0],
      ['b', ''],
      ['c', false],
      ['d', null],
    ]);
    expect(more.has('d')).toBe(true);
  });

  it('can be walked twice, and by two at once', () => {
    const map = empty()
      .withAll(new Map([['a', 1]]))
      .withAll(new Map([['b', 2]]));
    const [first, second] = [map.entries(), map.entries()];
    expect([first.next().value, second.next().value, first.next().value]).toEqual([
      ['a', 1],
      ['a', 1],
      ['b', 2],
    ]);
    expect([...map]).toEqual([...map]);
  });

  it('is empty at first', () => {
    expect([empty().size, [...empty()], empty().get('a')]).toEqual([0, [], undefined]);
  });
});

describe('many entries at a time', () => {
  it('make the same map as one after the other, and leave the map before as it was', () => {
    const random = seededRandom(7);
    let [many, single] = [empty(), empty()];
    for (let round = 0; round < 40; round += 1) {
      const before = contentOf(many);
      const entries = new Map(
        Array.from({ length: Math.floor(random() * 60) }, () => [
          `key-${Math.floor(random() * 200)}`,
          Math.floor(random() * 1_000),
        ]),
      );
      const next = many.withAll(entries);
      expect(contentOf(many)).toEqual(before);
      for (const [key, value] of entries) single = single.withAll(new Map([[key, value]]));
      const left = Array.from(
        { length: Math.floor(random() * 20) },
        () => `key-${Math.floor(random() * 220)}`,
      );
      many = next.withoutAll([...left, ...left]);
      for (const key of left) single = single.withoutAll([key]);
      expect(contentOf(many)).toEqual(contentOf(single));
      expect(many.size).toBe(single.size);
    }
  });
});
