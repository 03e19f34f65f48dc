import { describe, expect, it } from 'vitest';

import { StatsHistory } from '../../lib/monitor/stats-history.js';
import { totalsOf } from '../../lib/monitor/stats-totals.js';
import { endpointStats, snapshot } from './samples.js';

describe('the history of an hour', () => {
  it('keeps the newest 240 samples of the totals, without watchers', () => {
    const history = new StatsHistory();
    const received = { messages: 3, bytes: 30 };
    const watcher = endpointStats('top-1', { isWatcher: true, received });
    const totals = totalsOf(snapshot(endpointStats('site-1', { received }), watcher));
    for (let at = 1; at <= 250; at += 1) history.add(at, totals);
    expect(history.samples).toHaveLength(240);
    expect(history.samples[0]).toEqual({ at: 11, ready: 1, received, sent: { messages: 0, bytes: 0 } });
    expect(history.samples.at(-1)?.at).toBe(250);
  });
});
