import { describe, expect, it } from 'vitest';

import { LiveConnections } from './live-connections.js';

const BOUND_MS = 1_000;
const HAS_IT = { isConnected: true, ready: { 'site-1': null } };
const HAS_IT_NOT = { isConnected: true, ready: { 'site-1': 'A' } };

describe('live connections of one name', () => {
  it('may be two while it moves', () => {
    const live = new LiveConnections(BOUND_MS);
    live.note(0, HAS_IT, 0, 0);
    live.note(1, HAS_IT, 5_000, 0);
    live.note(0, HAS_IT, 5_900, 0);
    live.note(0, HAS_IT_NOT, 6_100, 0);
    live.note(1, HAS_IT, 9_000, 0);
    live.note(0, HAS_IT, 9_500, 0);
    live.note(1, HAS_IT_NOT, 10_400, 0);
    live.note(0, HAS_IT, 20_000, 0);
    expect(live.violations).toEqual([]);
  });

  it('must not be two for longer than the bound', () => {
    const live = new LiveConnections(BOUND_MS);
    live.note(0, HAS_IT, 0, 0);
    live.note(2, HAS_IT, 5_000, 0);
    for (const at of [5_500, 6_001, 7_000]) live.note(0, HAS_IT, at, 0);
    expect(live.violations).toEqual(['site-1 has had live connections at the replicas 1 and 3 for 1001 ms']);
  });

  it('are forgiven the time in which replicas had no core', () => {
    const live = new LiveConnections(BOUND_MS);
    live.note(0, HAS_IT, 0, 0);
    live.note(1, HAS_IT, 100, 0);
    live.note(0, HAS_IT, 1_600, 1_000);
    expect(live.violations).toEqual([]);
    live.note(1, HAS_IT, 2_200, 0);
    expect(live.violations).toEqual(['site-1 has had live connections at the replicas 1 and 2 for 1100 ms']);
  });

  it('do not count at a replica that is away from NATS, frozen or dead', () => {
    const live = new LiveConnections(BOUND_MS);
    live.note(0, HAS_IT, 0, 0);
    live.note(1, { ...HAS_IT, isConnected: false }, 100, 0);
    live.note(0, HAS_IT, 2_000, 0);
    live.note(1, HAS_IT, 2_100, 0);
    live.forget(1);
    live.note(0, HAS_IT, 5_000, 0);
    live.note(1, HAS_IT, 5_100, 0);
    live.note(0, HAS_IT, 6_000, 0);
    expect(live.violations).toEqual([]);
    live.note(0, HAS_IT, 6_101, 0);
    expect(live.violations).toHaveLength(1);
  });
});
