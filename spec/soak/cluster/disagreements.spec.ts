import { describe, expect, it } from 'vitest';

import type { ReplicaView } from '../messages.js';
import { disagreements } from './disagreements.js';

const SITES = ['site-1', 'site-2'];

/** Two replicas, of which `A` has the first site and `B` the second, but for what is planted. */
function views(a: Partial<ReplicaView> = {}, b: Partial<ReplicaView> = {}): readonly ReplicaView[] {
  const good = { isConnected: true, rejected: 0, droppedForOthers: 0 };
  return [
    { id: 'A', ...good, replicas: ['B'], ready: { 'site-1': null, 'site-2': 'B' }, ...a },
    { id: 'B', ...good, replicas: ['A'], ready: { 'site-1': 'A', 'site-2': null }, ...b },
  ];
}

describe('disagreements', () => {
  it('are none where each site is at one replica, and all say so', () => {
    expect(disagreements(views(), SITES)).toEqual([]);
    const more = views({ ready: { 'site-1': null, 'site-2': 'B', late: 'B' } });
    expect(disagreements(more, SITES, ['late'])).toEqual([]);
  });

  it.each<[string, readonly ReplicaView[], readonly string[]]>([
    [
      'two live connections of one name',
      views({ ready: { 'site-1': null, 'site-2': null } }),
      ['site-2 has live connections at replica 1 and replica 2'],
    ],
    [
      'a site that is nowhere',
      views({ ready: { 'site-2': 'B' } }, { ready: { 'site-2': null } }),
      ['site-1 is at no replica'],
    ],
    [
      'a site that one does not see',
      views({ ready: { 'site-1': null } }),
      ['replica 1 sees site-2 at nowhere, which is at replica 2'],
    ],
    [
      'a site that one sees where it was',
      views({ ready: { 'site-1': null, 'site-2': 'dead' } }),
      ['replica 1 sees site-2 at dead, which is at replica 2'],
    ],
    [
      'an entry that is left of a site',
      views({ ready: { 'site-1': null, 'site-2': 'B', 'site-3': 'B' } }),
      ['replica 1 sees site-3, which is gone'],
    ],
    ['a dead replica', views({}, { replicas: ['A', 'C'] }), ['replica 2 sees C, which is dead']],
    ['a living one that is not seen', views({ replicas: [] }), ['replica 1 does not see replica 2']],
    ['one that is away', views({ isConnected: false }), ['replica 1 is away from NATS']],
  ])('finds %s', (_, planted, faults) => {
    expect(disagreements(planted, SITES)).toEqual(faults);
  });
});
