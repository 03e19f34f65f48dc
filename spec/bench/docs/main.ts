/**
 * Runs all benchmarks and makes `docs/benchmarks.md` and its charts of what they measured; `--render` only the latter.
 * `--rows file` takes the tables of an earlier `npm run bench -- --json file` in place of those that the page has.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { format, resolveConfig } from 'prettier';

import type { Row } from '../main.js';
import type { MemoryRow } from '../memory/main.js';
import { transportsOf } from '../report.js';
import type { ScaleReport } from '../scale/main.js';
import { renderChart } from './chart.js';
import { renderPage, type Results } from './page.js';

const { values: options } = parseArgs({
  options: { render: { type: 'boolean', default: false }, rows: { type: 'string' } },
});

const docs = new URL('../../../docs/', import.meta.url);
const resultsFile = new URL('results.json', import.meta.url);
const pageFile = new URL('benchmarks.md', docs);

if (options.rows !== undefined) {
  const rows = JSON.parse(readFileSync(options.rows, 'utf8')) as readonly Row[];
  const measured = transportsOf(rows);
  const others = readResults().throughput.filter(({ transport }) => !measured.includes(transport));
  await writeResults({ ...readResults(), throughput: [...others, ...rows] });
} else if (!options.render) {
  await writeResults({
    machine: `Node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    throughput: measure('../main.ts') as readonly Row[],
    scale: measure('../scale/main.ts') as ScaleReport,
    memory: measure('../memory/main.ts') as readonly MemoryRow[],
  });
}

const results = readResults();
writeFileSync(pageFile, await pretty(renderPage(results), fileURLToPath(pageFile)));
for (const transport of transportsOf(results.throughput)) {
  const rows = results.throughput.filter((row) => row.transport === transport);
  writeFileSync(new URL(`images/benchmark-${transport}.svg`, docs), renderChart(transport, rows));
}

function readResults(): Results {
  return JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;
}

async function writeResults(results: Results): Promise<void> {
  writeFileSync(resultsFile, await pretty(JSON.stringify(results), fileURLToPath(resultsFile)));
}

function measure(script: string): unknown {
  const directory = mkdtempSync(join(tmpdir(), 'rxflare-bench-'));
  const file = join(directory, 'result.json');
  const args = [...process.execArgv, fileURLToPath(new URL(script, import.meta.url)), '--json', file];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${script} failed`);
  const result: unknown = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(directory, { recursive: true });
  return result;
}

async function pretty(text: string, filepath: string): Promise<string> {
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}
