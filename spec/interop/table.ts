import type { Cell } from './cells.js';

/** Prints what was proved, a row a combination. */
export function printTable(passed: ReadonlyMap<Cell, ReadonlySet<string>>): void {
  const columns = [...new Set([...passed.values()].flatMap((done) => [...done]))];
  const rows = [...passed].map(([cell, done]) => [
    cell.version,
    cell.scheme,
    cell.security,
    cell.listener,
    ...columns.map((column) => (done.has(column) ? 'ok' : 'FAILED')),
  ]);
  const lines = [['nvflare', 'transport', 'security', 'listens', ...columns], ...rows];
  const widths = (lines[0] ?? []).map((_, index) =>
    Math.max(...lines.map((line) => line[index]?.length ?? 0)),
  );
  const text = lines
    .map((line) => line.map((item, index) => item.padEnd(widths[index] ?? 0)).join('  '))
    .join('\n');
  process.stdout.write(`\nInterop with real NVFlare\n${text}\n\n`);
}
