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
});
