import type { Row } from './main.js';

const TRANSPORTS = ['tcp', 'http', 'grpc', 'stcp', 'https', 'grpcs', 'in-process', 'cells', 'hop', 'replica'];

/** The system whose figures are the limit of its transport. */
const LIMIT = 'bulk';

/** The transports of some rows, in the order of the tables. */
export function transportsOf(rows: readonly Row[]): readonly string[] {
  return TRANSPORTS.filter((transport) => rows.some((row) => row.transport === transport));
}

/** The tables of one run as Markdown: each figure, and how many times better rxflare is. */
export function renderReport(rows: readonly Row[]): string {
  return transportsOf(rows)
    .map((transport) =>
      renderTransport(
        transport,
        rows.filter((row) => row.transport === transport),
      ),
    )
    .join('\n\n');
}

/** Rows by what was measured: `one-way 100 B`. */
export function casesOf(rows: readonly Row[]): readonly (readonly [name: string, rows: readonly Row[]])[] {
  const nameOf = ({ kind, bytes }: Row): string => `${kind} ${describeBytes(bytes)}`;
  return [...new Set(rows.map(nameOf))].map((name) => [name, rows.filter((row) => nameOf(row) === name)]);
}

/** The figure that systems are compared by: messages a second, or microseconds there and back. */
export function figureOf({ messagesPerSecond, p50Microseconds }: Row): number {
  return messagesPerSecond ?? p50Microseconds ?? Number.NaN;
}

/** That figure in words; where messages are large, bytes say more than their number. */
export function describeFigure(row: Row): string {
  if (row.kind === 'echo') return `${thousands(row.p50Microseconds)} µs`;
  return row.kind === 'pipelined'
    ? `${thousands(row.messagesPerSecond)} /s`
    : describeRate(row.messagesPerSecond, row.bytes);
}

/** Messages of a size a second: `2,143,102 /s`, `1,452 MB/s`. */
export function describeRate(messagesPerSecond: number | null, bytes: number): string {
  if (bytes < 10_000) return `${thousands(messagesPerSecond)} /s`;
  return `${thousands(messagesPerSecond === null ? null : (messagesPerSecond * bytes) / 1e6)} MB/s`;
}

/** `100 B`, `10 kB`, `1 MB`. */
export function describeBytes(bytes: number): string {
  if (bytes >= 1e6) return `${bytes / 1e6} MB`;
  return bytes >= 1e3 ? `${bytes / 1e3} kB` : `${bytes} B`;
}

function renderTransport(transport: string, rows: readonly Row[]): string {
  const systems = [...new Set(rows.map(({ system }) => system))];
  const lines = casesOf(rows).flatMap(([name, figures]) => {
    const bySystem = new Map(figures.map((row) => [row.system, row]));
    const [own, limit] = [bySystem.get('rxflare'), bySystem.get(LIMIT)];
    const line = [name, ...systems.map((system) => describeCell(bySystem.get(system), own))];
    if (limit === undefined) return [line];
    return [line, ['of bulk', ...systems.map((system) => partOf(bySystem.get(system), limit))]];
  });
  const header = ['', ...systems];
  const table = [header, header.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
  return `### ${transport}\n\n${table}`;
}

function describeCell(row: Row | undefined, own: Row | undefined): string {
  if (row === undefined) return '';
  const p99 = row.kind === 'echo' ? `, p99 ${thousands(row.p99Microseconds)} µs` : '';
  const figure = `${describeFigure(row)}${p99}`;
  if (row === own || own === undefined) return `**${figure}**`;
  return `${figure} (${ratioOf(own, row)} x)`;
}

function partOf(row: Row | undefined, limit: Row): string {
  return row === undefined ? '' : ratioOf(row, limit);
}

/** How many times better one figure is than another. */
function ratioOf(row: Row, other: Row): string {
  const ratio = figureOf(row) / figureOf(other);
  return (row.kind === 'echo' ? 1 / ratio : ratio).toFixed(2);
}

function thousands(value: number | null): string {
  return Math.round(value ?? Number.NaN).toLocaleString('en');
}
