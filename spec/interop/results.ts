import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { inject } from 'vitest';

import type { Cell } from './cells.js';

interface Row {
  readonly cell: Cell;
  /** What was proved. */
  readonly passed: readonly string[];
}

/** A folder in which the spec files leave what they proved, for the one table at the end. */
export function makeResultsFolder(): string {
  return mkdtempSync(join(tmpdir(), 'rxflare-results-'));
}

/** Leaves what one spec file proved. */
export function recordResults(passed: ReadonlyMap<Cell, ReadonlySet<string>>): void {
  const rows = [...passed].map(([cell, done]): Row => ({ cell, passed: [...done] }));
  writeFileSync(join(inject('interopResults'), `${process.pid}-${Date.now()}.json`), JSON.stringify(rows));
}

/** Prints everything that was proved, a row a combination, and removes the folder. */
export function printResults(folder: string): void {
  const rows = readdirSync(folder).flatMap(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Row[],
  );
  rmSync(folder, { recursive: true });
  if (rows.length === 0) return;
  const columns = [...new Set(rows.flatMap(({ passed }) => passed))];
  const lines = rows.map(({ cell, passed }) => [
    cell.version,
    cell.scheme,
    cell.security,
    cell.listener,
    ...columns.map((column) => (passed.includes(column) ? 'ok' : 'FAILED')),
  ]);
  const table = [['nvflare', 'transport', 'security', 'listens', ...columns], ...lines.sort(byText)];
  const widths = columnWidths(table);
  const text = table
    .map((line) => line.map((item, index) => item.padEnd(widths[index] ?? 0)).join('  '))
    .join('\n');
  process.stdout.write(`\nInterop with real NVFlare\n${text}\n\n`);
}

function columnWidths(table: readonly (readonly string[])[]): number[] {
  return (table[0] ?? []).map((_, index) => Math.max(...table.map((line) => line[index]?.length ?? 0)));
}

function byText(a: readonly string[], b: readonly string[]): number {
  return a.join(' ').localeCompare(b.join(' '));
}
