import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { inject } from 'vitest';

/** A combination, and what was proved with it. */
export interface ResultRow {
  /** What it is a combination of: `{ nvflare: '2.9.0', … }`. */
  readonly facts: Readonly<Record<string, string>>;
  /** The columns that were proved, each with what the combination lacks of it; empty where that is nothing. */
  readonly proved: Readonly<Record<string, string>>;
}

interface Results {
  readonly title: string;
  readonly rows: readonly ResultRow[];
}

/** A folder in which the spec files leave what they proved, for the tables at the end. */
export function makeResultsFolder(): string {
  return mkdtempSync(join(tmpdir(), 'rxflare-results-'));
}

/** Leaves what one spec file proved, for the table of this title. */
export function recordResults(title: string, rows: readonly ResultRow[]): void {
  const results: Results = { title, rows };
  writeFileSync(join(inject('interopResults'), `${process.pid}-${Date.now()}.json`), JSON.stringify(results));
}

/** Prints everything that was proved, a row a combination, and removes the folder. */
export function printResults(folder: string): void {
  const all = readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Results,
  );
  rmSync(folder, { recursive: true });
  for (const title of [...new Set(all.map((results) => results.title))].sort()) {
    const rows = all.filter((results) => results.title === title).flatMap((results) => results.rows);
    process.stdout.write(`\n${title}\n${tableOf(joined(rows))}\n\n`);
  }
}

/** One row for each combination, with what several files have proved of it. */
function joined(rows: readonly ResultRow[]): readonly ResultRow[] {
  const byFacts = new Map<string, ResultRow>();
  for (const { facts, proved } of rows) {
    const key = JSON.stringify(facts);
    byFacts.set(key, { facts, proved: { ...byFacts.get(key)?.proved, ...proved } });
  }
  return [...byFacts.values()];
}

/** The rows as text, and below what some lack. */
function tableOf(rows: readonly ResultRow[]): string {
  const facts = [...new Set(rows.flatMap((row) => Object.keys(row.facts)))];
  const columns = [...new Set(rows.flatMap(({ proved }) => Object.keys(proved)))];
  const lacks = [...new Set(rows.flatMap(({ proved }) => Object.values(proved)))].filter(Boolean);
  const resultOf = (lack: string | undefined): string => {
    if (lack === undefined) return 'FAILED';
    return lack === '' ? 'ok' : `ok [${lacks.indexOf(lack) + 1}]`;
  };
  const lines = rows.map((row) => [
    ...facts.map((fact) => row.facts[fact] ?? ''),
    ...columns.map((column) => resultOf(row.proved[column])),
  ]);
  const table = [[...facts, ...columns], ...lines.sort(byText)];
  const widths = columnWidths(table);
  return [
    ...table.map((line) => line.map((item, index) => item.padEnd(widths[index] ?? 0)).join('  ')),
    ...lacks.map((lack, index) => `[${index + 1}] but ${lack}`),
  ].join('\n');
}

function columnWidths(table: readonly (readonly string[])[]): number[] {
  return (table[0] ?? []).map((_, index) => Math.max(...table.map((line) => line[index]?.length ?? 0)));
}

function byText(a: readonly string[], b: readonly string[]): number {
  return a.join(' ').localeCompare(b.join(' '));
}
