import { cpus } from 'node:os';

import type { Row } from './main.js';

const TRANSPORTS = ['tcp', 'http', 'grpc', 'in-process'];

/** The table of one run as Markdown: each figure, and rxflare's as a multiple of it. */
export function renderReport(rows: readonly Row[], withMachine: boolean): string {
  const sections = TRANSPORTS.filter((transport) => rows.some((row) => row.transport === transport)).map(
    (transport) =>
      renderTransport(
        transport,
        rows.filter((row) => row.transport === transport),
      ),
  );
  const machine = `Node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}`;
  return [...(withMachine ? [machine] : []), ...sections].join('\n\n');
}

function renderTransport(transport: string, rows: readonly Row[]): string {
  const cases = [...new Set(rows.map(({ kind, bytes }) => `${kind} ${bytes}`))];
  const systems = [...new Set(rows.map(({ system }) => system))];
  const header = ['', ...systems];
  const lines = cases.map((name) => {
    const row = (system: string) =>
      rows.find((each) => each.system === system && `${each.kind} ${each.bytes}` === name);
    const own = row('rxflare');
    return [describeCase(name), ...systems.map((system) => describeCell(row(system), own))];
  });
  const table = [header, header.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
  return `### ${transport}\n\n${table}`;
}

function describeCase(name: string): string {
  const [kind = '', bytes = '0'] = name.split(' ');
  const size =
    Number(bytes) >= 1e6
      ? `${Number(bytes) / 1e6} MB`
      : Number(bytes) >= 1e3
        ? `${Number(bytes) / 1e3} kB`
        : `${bytes} B`;
  return `${kind} ${size}`;
}

/** The figure, and in brackets how many times better rxflare is (or worse, below 1). */
function describeCell(row: Row | undefined, own: Row | undefined): string {
  if (row === undefined) return '';
  if (row.kind === 'one-way') {
    const figure =
      row.bytes < 10_000
        ? `${thousands(row.messagesPerSecond)} /s`
        : `${thousands(row.megabytesPerSecond)} MB/s`;
    return withRatio(figure, row, (own?.messagesPerSecond ?? 0) / (row.messagesPerSecond ?? 1));
  }
  const figure = `${thousands(row.p50Microseconds)} µs, p99 ${thousands(row.p99Microseconds)} µs`;
  return withRatio(figure, row, (row.p50Microseconds ?? 0) / (own?.p50Microseconds ?? 1));
}

function withRatio(figure: string, row: Row, ratio: number): string {
  return row.system === 'rxflare' ? `**${figure}**` : `${figure} (${ratio.toFixed(2)} x)`;
}

function thousands(value: number | null): string {
  return Math.round(value ?? 0).toLocaleString('en');
}
