import { expect, it } from 'vitest';

import { nextLeg } from '../../lib/cellnet/next-leg.js';

it.each<[self: string, target: string, neighbours: string, leg: string | undefined]>([
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
])('%s to %s over [%s] goes to %s', (self, target, neighbours, leg) => {
  const connected = new Set(neighbours.split(' '));
  expect(nextLeg(self, target, (name) => connected.has(name))).toBe(leg);
});
