import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { mayReferTo, maySpeakFor, nextHop, parentOf, ROOT } from '../../lib/cellnet/next-hop.js';

it.each<[self: string, target: string, neighbours: string, hop: string | undefined]>([
  ['site-1', 'site-2', 'site-2 server', 'site-2'],
  ['site-1', 'site-2', 'server', 'server'],
  ['site-1', 'site-2', '', undefined],
  ['site-1', 'site-2.job', 'server site-2', 'site-2'],
  ['site-1', 'site-2.job.3', 'server site-2 site-2.job', 'site-2.job'],
  // Within the family: down, or up to the parent, and never around.
  ['site-1', 'site-1.job', 'server', undefined],
  ['site-1', 'site-1.job.3', 'server site-1.job', 'site-1.job'],
  ['site-1.a', 'site-1.a.b.c', 'site-1 server', undefined],
  ['site-1.a', 'site-1.b', 'site-1 server', 'site-1'],
  ['site-1.a', 'site-1', 'server', 'server'],
  ['site-1.a.b', 'site-1.c', 'server site-1.a', 'site-1.a'],
  // Out of it: the server before the parent.
  ['site-1.a', 'site-2', 'site-1 server', 'server'],
  ['site-1.a', 'site-2', 'site-1', 'site-1'],
  ['site-1.a', 'server', 'site-1', 'site-1'],
  ['site-1.a', 'site-2', 'site-3', undefined],
  // The root knows its families alone.
  ['server', 'site-1.job', 'site-1', 'site-1'],
  ['server', 'site-1', 'site-2', undefined],
  ['server.job', 'site-1', 'server', 'server'],
  ['server', 'server.job', 'site-1', undefined],
  // A name that begins alike is no ancestor.
  ['site-1', 'site-10.job', 'site-1.x server', 'server'],
])('%s to %s over [%s] goes to %s', (self, target, neighbours, hop) => {
  const connected = new Set(neighbours.split(' '));
  expect(nextHop(self, target, (name) => connected.has(name))).toBe(hop);
});

it.each<[self: string, neighbour: string, keeper: string, may: boolean]>([
  ['server', 'site-1', 'site-1', true],
  ['server', 'site-1', 'site-1.job', true],
  ['server', 'site-1', 'site-2', false],
  ['server', 'site-1', 'site-10', false],
  ['server', 'site-1', 'server', false],
  ['site-1', 'server', 'site-2', true],
  ['site-1.job', 'site-1', 'site-2', true],
  // The process that trains for a job is beside it.
  ['server', 'site-1.job', 'site-1.active', true],
])('at %s, %s may refer to what %s keeps: %s', (self, neighbour, keeper, may) => {
  expect(mayReferTo(self, neighbour, keeper)).toBe(may);
});

/** A federation: children are connected to their parents, families to the server, and some children to the server too. */
const federation = fc
  .uniqueArray(
    fc
      .tuple(
        fc.constantFrom('server', 'site-1', 'site-10', 'site-2'),
        fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
      )
      .map(([root, parts]) => [root, ...parts].join('.')),
    { minLength: 2, maxLength: 8 },
  )
  .chain((leaves) => {
    const names = new Set([ROOT]);
    for (const leaf of leaves)
      for (let name: string | undefined = leaf; name !== undefined; name = parentOf(name)) names.add(name);
    const all = [...names];
    return fc.record({
      links: fc.subarray(all).map((direct) => {
        const pairs = all.map((name) => [name, parentOf(name) ?? ROOT] as const);
        return [...pairs, ...direct.map((name) => [name, ROOT] as const)].filter(
          ([one, other]) => one !== other,
        );
      }),
      origin: fc.constantFrom(...all),
      target: fc.constantFrom(...all),
    });
  });

it('brings nothing from a neighbour that may not speak for who sent it', () => {
  fc.assert(
    fc.property(federation, ({ links, origin, target }) => {
      const isLinked = (one: string, other: string) =>
        links.some((link) => link.includes(one) && link.includes(other) && one !== other);
      const route = [origin];
      for (let at = origin; at !== target;) {
        const hop = nextHop(at, target, (name) => isLinked(at, name));
        if (hop === undefined) return;
        expect(route, 'a loop').not.toContain(hop);
        expect([hop, at, origin, maySpeakFor(hop, at, origin)]).toEqual([hop, at, origin, true]);
        route.push(hop);
        at = hop;
      }
    }),
  );
});
