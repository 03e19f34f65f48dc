import { describe, expect, it } from 'vitest';

import { renderTop, summarize, type TopView } from '../../lib/cli/top-lines.js';
import { type CommunicatorStats, EndpointState, type EndpointStats } from '../../lib/index.js';
import type { ReportedEvent, StatsReport } from '../../lib/monitor/index.js';
import { totalsOf } from '../../lib/monitor/stats-totals.js';
import { clusterStats } from '../monitor/samples.js';

const NONE = { messages: 0, bytes: 0 };
const NOON = new Date(2026, 0, 1, 12).getTime();

function endpoint(name: string, received: number, state: EndpointState = EndpointState.READY): EndpointStats {
  const sendTimes = { count: 0, sumMs: 0, maxMs: 0, bins: [] };
  const tally = { messages: received, bytes: received * 2_000 };
  return {
    name,
    state,
    received: tally,
    sent: NONE,
    queued: NONE,
    undelivered: NONE,
    unknown: NONE,
    unclaimed: NONE,
    sendTimes,
  };
}

function stats(at: number, endpoints: readonly EndpointStats[]): CommunicatorStats {
  const connections = endpoints
    .filter(({ state }) => state === EndpointState.READY)
    .map(({ name }) => ({
      name: 'CN00001',
      handle: 'CH00001',
      scheme: 'stcp',
      endpointName: name,
      localAddr: '127.0.0.1:8002',
      peerAddr: '127.0.0.1:50000',
      tls: 'TLSv1.3',
      sent: NONE,
      received: NONE,
      buffered: NONE,
      pendingBytes: 0,
      isPaused: false,
    }));
  return { name: 'hub', at, endpoints, connections };
}

const before = stats(NOON, [endpoint('site-10', 0), endpoint('site-2', 5)]);
const now = stats(NOON + 2_000, [
  endpoint('site-1', 0, EndpointState.DISCONNECTED),
  endpoint('site-10', 3_000),
  endpoint('site-2', 8),
]);

const view: TopView = {
  before: { stats: before, totals: totalsOf(before) },
  stats: now,
  totals: totalsOf(now),
  events: [1, 2, 3, 4].map((number) => ({ at: NOON + number, type: 'endpoint', text: `event ${number}` })),
  status: 'live',
};

const report = (events: readonly ReportedEvent[]): StatsReport => {
  return { status: 'live', stats: now, totals: totalsOf(now), events, missedEvents: 0 };
};

describe('the screen of rxflare top', () => {
  it('shows endpoints with their rates, those that are ready first', () => {
    expect(renderTop(view, { columns: 130, rows: 40 })).toEqual([
      'hub  12:00:02  connected',
      '2 of 3 endpoints ready, 0 watchers, 2 connections',
      '',
      expect.stringMatching(/^ENDPOINT {2}STATE {9}VIA {3}ADDRESS {10}TLS .* {2}LOST *$/),
      expect.stringMatching(/^site-2 .* stcp {2}127\.0\.0\.1:50000 {2}TLSv1\.3 +1\.5 +3 kB +0 +0 B +0 +0$/),
      expect.stringMatching(/^site-10 .* +1500 +3 MB /),
      expect.stringMatching(/^site-1 {4}DISCONNECTED {2}- {5}- /),
      '',
      '12:00:00 event 1',
      '12:00:00 event 2',
      '12:00:00 event 3',
      '12:00:00 event 4',
    ]);
  });

  it.each([200, 100, 80, 60, 40, 20, 8])('keeps to %d columns, and to the most important ones', (width) => {
    const lines = renderTop(view, { columns: width, rows: 40 });
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    expect(lines[3]).toContain('ENDPOINT');
    expect(lines[3]?.includes('ADDRESS')).toBe(width >= 100);
  });

  it.each([40, 12, 9, 7])('keeps to %d rows, with the newest events', (height) => {
    const lines = renderTop(view, { columns: 100, rows: height });
    expect(lines.length).toBeLessThanOrEqual(height);
    expect(lines.at(-1)).toBe('12:00:00 event 4');
  });

  it.each([
    ['silent', 'silent, though it is connected; this is the last report'],
    ['away', 'not connected, trying again; this is the last report'],
    ['ended', 'has ended its service, asking again; this is the last report'],
  ] as const)('says that what it shows is old: %s', (status, text) => {
    expect(renderTop({ ...view, status }, { columns: 130, rows: 40 })[0]).toBe(`hub  12:00:02  ${text}`);
    expect(summarize({ ...report([]), status })).toEqual([`12:00:02 hub: ${text}`]);
  });

  it('shows the busiest where there is no room for all, and no rate of one that was left out before', () => {
    const many = stats(
      NOON + 2_000,
      [...Array(20).keys()].map((n) => endpoint(`site-${n}`, n * 10)),
    );
    const totals = { ...totalsOf(many), endpoints: 10_000 };
    const whole = { ...view, stats: many, totals, before: { stats: before, totals: totalsOf(before) } };
    const lines = renderTop(whole, { columns: 100, rows: 12 });
    expect(lines[1]).toBe('20 of 10000 endpoints ready, 0 watchers, 20 connections; the busiest 4:');
    expect(lines.slice(4, 8).map((line) => line.split(' ', 1)[0])).toEqual([
      'site-16',
      'site-17',
      'site-18',
      'site-19',
    ]);
    expect(lines[7]).toMatch(/^site-19 .* 95 +190 kB /);
    const part = { ...whole, before: { stats: before, totals } };
    expect(renderTop(part, { columns: 100, rows: 40 })[23]).toMatch(/^site-19 .* 0 +0 B /);
  });

  describe('of a replica of a cluster', () => {
    const shared = { ...now, cluster: clusterStats({ rejected: 2 }) };
    const [away, ...here] = now.endpoints;
    const clustered: TopView = {
      ...view,
      stats: { ...shared, endpoints: [...(away ? [{ ...away, replica: 'hub-b' }] : []), ...here] },
    };

    it('shows the replicas above the endpoints, and at which one each endpoint is', () => {
      const lines = renderTop(clustered, { columns: 130, rows: 40 });
      expect(lines.slice(2, 9)).toEqual([
        '',
        'cluster fl: 3 replicas, NATS connected, 2 messages rejected',
        expect.stringMatching(/^REPLICA {2}STATE {5}ENDPOINTS {2}FROM OTHERS msg +B {2}TO OTHERS msg +B *$/),
        expect.stringMatching(/^hub-a {4}this one +40 +0 +0 B +12 +3\.4 kB$/),
        expect.stringMatching(/^hub-b {4}READY +41 +12 +3\.4 kB +12 +3\.4 kB$/),
        expect.stringMatching(/^hub-c {4}CLOSING +2 +12 +3\.4 kB +0 +0 B$/),
        '',
      ]);
      expect(lines[9]).toMatch(/^ENDPOINT {2}STATE {9}REPLICA {2}VIA /);
      expect(lines[10]).toMatch(/^site-2 +READY +hub-a {4}stcp /);
      expect(lines[12]).toMatch(/^site-1 +DISCONNECTED {2}hub-b /);
    });

    it.each([
      [130, 40],
      [60, 20],
      [20, 12],
      [8, 7],
    ])('keeps to %d columns and %d rows', (width, height) => {
      const lines = renderTop(clustered, { columns: width, rows: height });
      expect(lines.length).toBeLessThanOrEqual(height);
      expect(lines.filter((line) => line.length > width)).toEqual([]);
    });

    it('shows the biggest replicas where there is no room for all', () => {
      const lines = renderTop(clustered, { columns: 100, rows: 12 });
      expect(lines[3]).toBe('cluster fl: 3 replicas, NATS connected, 2 messages rejected; the biggest 2:');
      expect(lines.slice(5, 8).map((line) => line.split(' ', 1)[0])).toEqual(['hub-b', 'hub-a', '']);
    });

    it('says so in its short form, and whether NATS is away', () => {
      const cluster = clusterStats({ isConnected: false });
      const [line] = summarize({ ...report([]), stats: { ...now, cluster } });
      expect(line).toMatch(/, lost 0 \(0 B\), cluster fl: 3 replicas, NATS away$/);
    });
  });

  it('lets nobody write to the terminal', () => {
    const events = [{ at: NOON, type: 'endpoint', text: 'bad\x1b[2J\r\nnews\u009b' } as const];
    expect(renderTop({ ...view, events }, { columns: 100, rows: 40 }).at(-1)).toBe('12:00:00 bad?[2J??news?');
    expect(summarize(report(events))[0]).toBe('12:00:00 bad?[2J??news?');
  });

  it('has a short form', () => {
    expect(summarize(report([]))).toEqual([
      '12:00:02 hub: 2 of 3 endpoints ready, received 3008 (6.0 MB), sent 0 (0 B), queued 0 (0 B), lost 0 (0 B)',
    ]);
  });
});
