import { describe, expect, it } from 'vitest';

import { EndpointState } from '../../lib/endpoint.js';
import { EndpointGroups } from '../../lib/metrics/endpoint-groups.js';
import { ENDPOINT_COUNTERS, ENDPOINT_LEVELS } from '../../lib/metrics/endpoint-metrics.js';
import { EndpointSums } from '../../lib/metrics/endpoint-sums.js';
import type { Metric } from '../../lib/metrics/metric.js';
import type { EndpointStats } from '../../lib/stats.js';
import { endpointStats } from '../monitor/samples.js';

const SENT = placeOf(ENDPOINT_COUNTERS, 'messaging.client.sent.messages');
const QUEUED = placeOf(ENDPOINT_LEVELS, 'rxflare.queue.messages');

const sent = (name: string, messages: number) => endpointStats(name, { sent: { messages, bytes: 0 } });
const queued = (name: string, messages: number) => endpointStats(name, { queued: { messages, bytes: 0 } });
const sentOf = (sums: EndpointSums, group?: string) => sums.counters.get(group)?.[SENT];
const queuedOf = (sums: EndpointSums, group?: string) => sums.levels.get(group)?.[QUEUED];

function placeOf(metrics: readonly Metric<EndpointStats>[], name: string): number {
  const before = metrics.slice(
    0,
    metrics.findIndex((metric) => metric.name === name),
  );
  return before.reduce((sum, { series }) => sum + series.length, 0);
}

describe('the sums over endpoints', () => {
  it('grow as each endpoint does', () => {
    const sums = new EndpointSums(new EndpointGroups({}));
    sums.update([sent('site-1', 2), sent('site-2', 3)]);
    expect(sentOf(sums)).toBe(5);
    sums.update([sent('site-1', 4), sent('site-2', 3)]);
    expect(sentOf(sums)).toBe(7);
  });

  it('keep what a forgotten endpoint sent, and count from 0 when it comes back', () => {
    const sums = new EndpointSums(new EndpointGroups({}));
    sums.update([sent('site-1', 10)]);
    sums.update([]);
    expect(sentOf(sums)).toBe(10);
    sums.update([sent('site-1', 4)]);
    expect(sentOf(sums)).toBe(14);
  });

  it('count from 0 when an endpoint was forgotten and came back between two looks', () => {
    const sums = new EndpointSums(new EndpointGroups({}));
    sums.update([sent('site-1', 10)]);
    sums.update([sent('site-1', 4)]);
    expect(sentOf(sums)).toBe(14);
  });

  it('of what grows and shrinks are those of now, and 0 without an endpoint', () => {
    const sums = new EndpointSums(new EndpointGroups({ endpoints: () => true }));
    sums.update([queued('site-1', 5)]);
    expect(queuedOf(sums, 'site-1')).toBe(5);
    sums.update([queued('site-1', 2)]);
    expect(queuedOf(sums, 'site-1')).toBe(2);
    sums.update([]);
    expect(queuedOf(sums, 'site-1') ?? 0).toBe(0);
    expect(sums.levels.has('site-1')).toBe(true);
  });

  it('leave watchers out, and count them while they are READY', () => {
    const sums = new EndpointSums(new EndpointGroups({ endpoints: () => true, maxEndpoints: 1 }));
    const watcher = (state: EndpointState) =>
      endpointStats('page', { isWatcher: true, state, sent: { messages: 8, bytes: 0 } });
    sums.update([watcher(EndpointState.READY), sent('site-1', 2)]);
    expect([sums.watchers, sentOf(sums, 'site-1'), sentOf(sums, '_other') ?? 0]).toEqual([1, 2, 0]);
    sums.update([watcher(EndpointState.DISCONNECTED), sent('site-1', 2)]);
    expect(sums.watchers).toBe(0);
  });

  it('are apart for the first endpoints that are chosen, and never mixed', () => {
    const endpoints = (name: string) => name !== 'page';
    const sums = new EndpointSums(new EndpointGroups({ endpoints, maxEndpoints: 2 }));
    sums.update([sent('page', 1), sent('site-1', 2), sent('site-2', 4), sent('site-3', 8)]);
    expect([...sums.counters.keys()].sort()).toEqual(['_other', 'site-1', 'site-2']);
    expect(sentOf(sums, '_other')).toBe(9);
    sums.update([sent('site-3', 16)]);
    expect([...sums.counters.keys()].sort()).toEqual(['_other', 'site-1', 'site-2']);
    expect(sentOf(sums, '_other')).toBe(17);
    sums.update([sent('site-3', 16), sent('site-1', 32)]);
    expect(sentOf(sums, 'site-1')).toBe(2 + 32);
    expect(sentOf(sums, '_other')).toBe(17);
  });

  it('are there from the start for the endpoints of a list, and for no others', () => {
    const sums = new EndpointSums(new EndpointGroups({ endpoints: ['site-1', 'site-2', '_other'] }));
    sums.update([]);
    expect([...sums.levels.keys()]).toEqual(['_other', 'site-1', 'site-2']);
    sums.update([sent('site-2', 3), sent('site-3', 4)]);
    expect([sentOf(sums, 'site-1') ?? 0, sentOf(sums, 'site-2'), sentOf(sums, '_other')]).toEqual([0, 3, 4]);
  });

  it('give an endpoint that is named as the rest is no series of its own, and no place', () => {
    const sums = new EndpointSums(new EndpointGroups({ endpoints: () => true, maxEndpoints: 1 }));
    sums.update([sent('_other', 1), sent('site-1', 2), sent('site-2', 4)]);
    expect([sentOf(sums, 'site-1'), sentOf(sums, '_other')]).toEqual([2, 1 + 4]);
  });
});

describe('the limit of endpoints with series of their own', () => {
  it('holds for a list too', () => {
    const tooMany = { endpoints: ['site-1', 'site-2'], maxEndpoints: 1 };
    expect(() => new EndpointGroups(tooMany)).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining('got 2') as string }),
    );
  });

  it.each([0, -1, 1.5, 1_001, NaN])('cannot be %j', (maxEndpoints) => {
    expect(() => new EndpointGroups({ maxEndpoints })).toThrow(
      expect.objectContaining({
        code: 'BAD_CONFIG',
        message: expect.stringContaining('maxEndpoints') as string,
      }) as Error,
    );
  });
});
