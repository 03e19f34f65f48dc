import { describe, expect, it } from 'vitest';

import { EndpointState } from '../../lib/index.js';
import { lostOf, totalsOf } from '../../lib/monitor/stats-totals.js';
import { connectionStats, endpointStats, snapshot } from './samples.js';

describe('totalsOf', () => {
  it('adds up each tally over all endpoints, those that are gone among them', () => {
    const tallies = (factor: number) => ({
      received: { messages: factor, bytes: 10 * factor },
      sent: { messages: 2 * factor, bytes: 20 * factor },
      queued: { messages: 3 * factor, bytes: 30 * factor },
      undelivered: { messages: 4 * factor, bytes: 40 * factor },
      unknown: { messages: 5 * factor, bytes: 50 * factor },
    });
    const gone = endpointStats('b', { ...tallies(100), state: EndpointState.DISCONNECTED });
    const stats = snapshot(endpointStats('a', tallies(1)), gone);
    expect(totalsOf({ ...stats, connections: [connectionStats('a'), connectionStats()] })).toEqual({
      endpoints: 2,
      ready: 1,
      watchers: 0,
      ...tallies(101),
      connections: 2,
    });
  });

  it('is 0 of nothing', () => {
    const none = { messages: 0, bytes: 0 };
    const tallies = { received: none, sent: none, queued: none, undelivered: none, unknown: none };
    expect(totalsOf(snapshot())).toEqual({ endpoints: 0, ready: 0, watchers: 0, connections: 0, ...tallies });
  });

  it('counts watchers apart, and adds up none of their tallies', () => {
    const lost = { messages: 5, bytes: 50 };
    const gone = {
      state: EndpointState.DISCONNECTED,
      isWatcher: true,
      undelivered: lost,
      sent: lost,
    } as const;
    const stats = snapshot(endpointStats('site-1'), endpointStats('top-1', { isWatcher: true }));
    const { endpoints } = snapshot(endpointStats('dashboard-1', gone));
    expect(totalsOf({ ...stats, endpoints: [...stats.endpoints, ...endpoints] })).toMatchObject({
      endpoints: 1,
      ready: 1,
      watchers: 2,
      connections: 2,
      undelivered: { messages: 0 },
      sent: { messages: 0 },
    });
  });

  it('takes what certainly did not go out and what may have arrived together as lost', () => {
    const undelivered = { messages: 1, bytes: 10 };
    const unknown = { messages: 2, bytes: 20 };
    expect(lostOf({ undelivered, unknown })).toEqual({ messages: 3, bytes: 30 });
  });
});
