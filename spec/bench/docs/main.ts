/**
 * Runs all benchmarks and makes `docs/benchmarks.md` and its charts of what they measured; `--render` only the latter.
 * `--rows file`, `--scale file`, `--cluster file`, `--browser file` and `--allocation file` take what an earlier
 * `npm run bench`, `bench:scale`, `bench:scale -- --replicas`, `bench:browser` or `bench:allocation` wrote with
 * `--json file` in place of what the page has. `--scale` and `--cluster` may be given more than once: each report is a
 * column.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { format, resolveConfig } from 'prettier';

import type { AllocationRow } from '../allocation/main.js';
import type { BrowserRow } from '../browser/row.js';
import type { Row } from '../main.js';
import type { MemoryRow } from '../memory/main.js';
import { transportsOf } from '../report.js';
import type { ClusterScaleReport, ScaleReport } from '../scale/report.js';
import { renderChart } from './chart.js';
import { renderPage, type Results } from './page.js';

const { values: options } = parseArgs({
  options: {
    render: { type: 'boolean', default: false },
    rows: { type: 'string' },
    scale: { type: 'string', multiple: true },
    cluster: { type: 'string', multiple: true },
    browser: { type: 'string' },
    allocation: { type: 'string' },
  },
});

const docs = new URL('../../../docs/', import.meta.url);
const resultsFile = new URL('results.json', import.meta.url);
const pageFile = new URL('benchmarks.md', docs);

/** What the scale benchmark is run with. A process may have fewer open files than the last one has endpoints. */
const SCALES = [
  ['--transport', 'tcp', '--endpoints', '10000'],
  ['--transport', 'stcp', '--endpoints', '2000'],
  ['--transport', 'mux', '--endpoints', '100000'],
];

/** The same with `--replicas`. */
const CLUSTERS = [
  ['--replicas', '4', '--endpoints', '20000', '--replica-timeout-ms', '5000'],
  ['--replicas', '4', '--endpoints', '100000'],
];

const { rows, scale, cluster, browser, allocation } = options;
if ([rows, scale, cluster, browser, allocation].some((file) => file !== undefined)) {
  const old = readResults();
  await writeResults({
    ...old,
    ...(rows === undefined ? {} : { throughput: withRows(old, read(rows) as readonly Row[]) }),
    ...(scale === undefined ? {} : { scale: scale.map((file) => read(file) as ScaleReport) }),
    ...(cluster === undefined ? {} : { cluster: cluster.map((file) => read(file) as ClusterScaleReport) }),
    ...(browser === undefined ? {} : { browser: read(browser) as readonly BrowserRow[] }),
    ...(allocation === undefined ? {} : { allocation: read(allocation) as readonly AllocationRow[] }),
  });
} else if (!options.render) {
  await writeResults({
    machine: `Node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    throughput: measure('../main.ts') as readonly Row[],
    scale: SCALES.map((args) => measure('../scale/main.ts', args) as ScaleReport),
    cluster: CLUSTERS.map((args) => measure('../scale/main.ts', args) as ClusterScaleReport),
    memory: measure('../memory/main.ts') as readonly MemoryRow[],
    browser: measure('../browser/main.ts') as readonly BrowserRow[],
    allocation: measure('../allocation/main.ts') as readonly AllocationRow[],
  });
}

const results = readResults();
writeFileSync(pageFile, await pretty(renderPage(results), fileURLToPath(pageFile)));
for (const transport of transportsOf(results.throughput)) {
  const rows = results.throughput.filter((row) => row.transport === transport);
  writeFileSync(new URL(`images/benchmark-${transport}.svg`, docs), renderChart(transport, rows));
}

/** The rows of transports that were measured again replace the old ones. */
function withRows({ throughput }: Results, rows: readonly Row[]): readonly Row[] {
  const measured = transportsOf(rows);
  return [...throughput.filter(({ transport }) => !measured.includes(transport)), ...rows];
}

function readResults(): Results {
  return read(resultsFile) as Results;
}

function read(file: string | URL): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

async function writeResults(results: Results): Promise<void> {
  writeFileSync(resultsFile, await pretty(JSON.stringify(results), fileURLToPath(resultsFile)));
}

function measure(script: string, args: readonly string[] = []): unknown {
  const directory = mkdtempSync(join(tmpdir(), 'rxflare-bench-'));
  const file = join(directory, 'result.json');
  const command = [...process.execArgv, fileURLToPath(new URL(script, import.meta.url)), ...args];
  const { status } = spawnSync(process.execPath, [...command, '--json', file], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${script} failed`);
  const result = read(file);
  rmSync(directory, { recursive: true });
  return result;
}

async function pretty(text: string, filepath: string): Promise<string> {
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}
