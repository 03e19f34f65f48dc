import { readFileSync } from 'node:fs';

import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';

import { renderChart } from './docs/chart.js';
import { renderPage, type Results } from './docs/page.js';
import { transportsOf } from './report.js';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const page = new URL('../../docs/benchmarks.md', import.meta.url).pathname;
const results = JSON.parse(read('docs/results.json')) as Results;

/** What may be claimed must have been measured: nobody edits the page or its charts by hand. */
describe('the benchmark page', () => {
  it('is what its results render to', async () => {
    const rendered = await format(renderPage(results), { ...(await resolveConfig(page)), filepath: page });
    expect(read('../../docs/benchmarks.md')).toBe(rendered);
  });

  it.each(transportsOf(results.throughput))('has a chart of the results of %s', (transport) => {
    const rows = results.throughput.filter((row) => row.transport === transport);
    expect(read(`../../docs/images/benchmark-${transport}.svg`)).toBe(renderChart(transport, rows));
  });

  it('tells how many times better rxflare is, for rates and for times', () => {
    const row = { transport: 'tcp', bytes: 100, megabytesPerSecond: 1, p99Microseconds: 9 };
    const rendered = renderPage({
      ...results,
      throughput: [
        { ...row, system: 'rxflare', kind: 'one-way', messagesPerSecond: 300, p50Microseconds: null },
        { ...row, system: 'other', kind: 'one-way', messagesPerSecond: 100, p50Microseconds: null },
        { ...row, system: 'rxflare', kind: 'echo', messagesPerSecond: null, p50Microseconds: 50 },
        { ...row, system: 'other', kind: 'echo', messagesPerSecond: null, p50Microseconds: 100 },
      ],
    });
    expect(rendered).toContain('100 /s (3.00 x)');
    expect(rendered).toContain('100 µs, p99 9 µs (2.00 x)');
    expect(rendered).not.toContain('| of bulk');
  });

  it('tells what part of the limit each figure is, for rates and for times', () => {
    const row = { transport: 'stcp', bytes: 100, megabytesPerSecond: 1, p99Microseconds: 9 };
    const rendered = renderPage({
      ...results,
      throughput: [
        { ...row, system: 'rxflare', kind: 'one-way', messagesPerSecond: 300, p50Microseconds: null },
        { ...row, system: 'bulk', kind: 'one-way', messagesPerSecond: 400, p50Microseconds: null },
        { ...row, system: 'rxflare', kind: 'echo', messagesPerSecond: null, p50Microseconds: 50 },
        { ...row, system: 'bulk', kind: 'echo', messagesPerSecond: null, p50Microseconds: 40 },
      ],
    });
    expect(rendered).toContain('| of bulk | 0.75 | 1.00 |');
    expect(rendered).toContain('| of bulk | 0.80 | 1.00 |');
  });

  it('has a column for each report of scale, and what part of bare sockets each reaches', () => {
    const report = { endpoints: 2_000, broadcastMessagesPerSecond: 30, bareSocketsMessagesPerSecond: 40 };
    const rendered = renderPage({
      ...results,
      scale: [
        { ...report, transport: 'stcp' },
        { ...report, transport: 'mux', bareSocketsMessagesPerSecond: 60, restartSeconds: 7.25 },
      ],
    });
    expect(rendered).toContain('|  | stcp, 2,000 endpoints | mux, 2,000 endpoints |');
    expect(rendered).toContain(
      '| broadcast of bare sockets | 40 messages/s (0.75 of it) | 60 messages/s (0.50 of it) |',
    );
    expect(rendered).toContain('| all back after a restart |  | 7.3 s |');
  });

  it('has a section of replicas, with a table of each that was measured', () => {
    const hop = { transport: 'hop', bytes: 100, kind: 'one-way', megabytesPerSecond: 1 } as const;
    const none = { p50Microseconds: null, p99Microseconds: null };
    const throughput = [
      { ...hop, ...none, system: 'rxflare', messagesPerSecond: 300 },
      { ...hop, ...none, system: 'nats.js', messagesPerSecond: 400 },
    ];
    const cluster = [
      {
        transport: 'mux',
        endpoints: 2_000,
        replicas: 3,
        replicaTimeoutMs: 1_000,
        joinSeconds: 4,
        joinsPerSecond: 500,
        rssBytesPerEndpoint: 28_500,
        heapBytesPerEndpoint: 20_000,
        natsRssBytesPerEndpoint: 1_500,
        broadcastMessagesPerSecond: 30_000,
        broadcastCpuMicroseconds: 12,
        sendMessagesPerSecond: 40_000,
        sendCpuMicroseconds: 14,
        movedEndpoints: 667,
        healSeconds: 2.5,
      },
    ];
    const nothing = { ...results, throughput: [], cluster: [] };
    expect(renderPage(nothing)).not.toContain('## Replicas');
    const ofHop = renderPage({ ...nothing, throughput });
    expect(ofHop).toContain('| one-way 100 B | **300 /s** | 400 /s (0.75 x) |');
    expect(ofHop.indexOf('### hop')).toBeGreaterThan(ofHop.indexOf('## Replicas'));
    expect(ofHop).not.toContain('--replicas');
    const ofCluster = renderPage({ ...nothing, cluster });
    expect(ofCluster).toContain('|  | mux, 2,000 at 3 |');
    expect(ofCluster).toContain('| memory per endpoint, all replicas | 28.5 kB |');
    expect(ofCluster).not.toContain('### hop');
  });

  it('has a section of what a page moves, where that was measured', () => {
    const row = { bytes: 1_000_000, rxflarePerSecond: 90, webSocketPerSecond: 100 } as const;
    const browser = [{ ...row, direction: 'page to Node' } as const];
    expect(renderPage({ ...results, browser })).toContain(
      '| page to Node, 1 MB | **90 MB/s** | 100 MB/s | 0.90 |',
    );
    expect(renderPage({ ...results, browser: [] })).not.toContain('## In a page');
  });
});
