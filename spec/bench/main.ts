/** Throughput and latency of rxflare beside everything that could be taken in its place, in one run. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { Child } from './child.js';
import { pin } from './pin.js';
import { renderReport } from './report.js';
import { median, percentile } from './statistics.js';
import { SYSTEMS } from './systems/index.js';
import type { Request } from './worker.js';

/** One measured figure, as `--json` writes it. */
export interface Row {
  readonly system: string;
  readonly transport: string;
  readonly kind: 'one-way' | 'echo';
  readonly bytes: number;
  readonly messagesPerSecond: number | null;
  readonly megabytesPerSecond: number | null;
  readonly p50Microseconds: number | null;
  readonly p99Microseconds: number | null;
}

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    transport: { type: 'string' },
    only: { type: 'string' },
  },
});

/**
 * Every system starts anew so often, in new processes: where their memory comes to lie makes the same system twice as
 * fast or half as fast for as long as it runs.
 */
const STARTS = options.quick ? 1 : 5;
const ROUNDS_PER_START = options.quick ? 3 : 1;
/** How long one measurement should take. */
const TARGET_SECONDS = options.quick ? 0.15 : 0.6;
const ONE_WAY_BYTES = options.quick ? [100, 1_000_000] : [100, 10_000, 1_000_000, 16_000_000];
const ECHO_BYTES = options.quick ? [100] : [100, 1_000_000];
const ECHOES = options.quick ? 200 : 1_000;
/** NVFlare's WebSocket client refuses frames of 4 MiB and more. */
const HTTP_LIMIT_BYTES = 4_000_000;

interface Contestant {
  readonly index: number;
  readonly name: string;
  readonly transport: string;
}

interface Contender extends Contestant {
  readonly server: Child<Request>;
  readonly client: Child<Request>;
}

const wanted: readonly Contestant[] = SYSTEMS.map(({ name, transport }, index) => ({
  name,
  transport,
  index,
})).filter(
  ({ name, transport }) =>
    (options.transport === undefined || options.transport === transport) &&
    (options.only === undefined || options.only.split(',').includes(name)) &&
    !(options.quick && name === 'NVFlare 2.9.0' && transport !== 'tcp'),
);

/** Messages a second, or seconds there and back, of each contestant in each case. */
const samples = new Map<string, number[]>();
const rows: Row[] = [];
for (const transport of new Set(wanted.map((contestant) => contestant.transport))) {
  const contestants = wanted.filter((contestant) => contestant.transport === transport);
  for (let turn = 0; turn < STARTS; turn += 1) {
    process.stderr.write(`${transport}, start ${turn + 1} of ${STARTS} …\n`);
    const contenders: Contender[] = [];
    for (const contestant of rotated(contestants, turn)) contenders.push(await start(contestant));
    for (const bytes of ONE_WAY_BYTES) await measureOneWay(contenders, bytes);
    for (const bytes of ECHO_BYTES) await measureEcho(contenders, bytes);
    for (const contender of contenders) await stop(contender);
  }
  for (const bytes of ONE_WAY_BYTES) for (const each of contestants) noteOneWay(each, bytes);
  for (const bytes of ECHO_BYTES) for (const each of contestants) noteEcho(each, bytes);
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`);
process.stdout.write(`\n${renderReport(rows)}\n`);

async function measureOneWay(contenders: readonly Contender[], bytes: number): Promise<void> {
  const able = contenders.filter((contender) => canCarry(contender, bytes));
  const counts = new Map<Contender, number>();
  for (const contender of able) counts.set(contender, await calibrate(contender, bytes));
  for (let round = 0; round < ROUNDS_PER_START; round += 1) {
    for (const [contender, count] of counts) {
      const [seconds = Number.NaN] = await contender.client.ask<number[]>({ do: 'one-way', bytes, count });
      samplesOf(contender, 'one-way', bytes).push(count / seconds);
    }
  }
}

async function measureEcho(contenders: readonly Contender[], bytes: number): Promise<void> {
  const count = bytes > 100_000 ? Math.ceil(ECHOES / 10) : ECHOES;
  const able = contenders.filter(({ name }) => !name.includes('to NVFlare'));
  for (const { client } of able) await client.ask({ do: 'echo', bytes, count });
  for (let round = 0; round < ROUNDS_PER_START; round += 1) {
    for (const contender of able) {
      const seconds = await contender.client.ask<number[]>({ do: 'echo', bytes, count });
      samplesOf(contender, 'echo', bytes).push(...seconds);
    }
  }
}

function noteOneWay(contestant: Contestant, bytes: number): void {
  const rates = samplesOf(contestant, 'one-way', bytes);
  if (rates.length === 0) return;
  const rate = median(rates);
  note({
    system: contestant.name,
    transport: contestant.transport,
    kind: 'one-way',
    bytes,
    messagesPerSecond: rate,
    megabytesPerSecond: (rate * bytes) / 1e6,
    p50Microseconds: null,
    p99Microseconds: null,
  });
}

function noteEcho(contestant: Contestant, bytes: number): void {
  const microseconds = samplesOf(contestant, 'echo', bytes).map((seconds) => seconds * 1e6);
  if (microseconds.length === 0) return;
  note({
    system: contestant.name,
    transport: contestant.transport,
    kind: 'echo',
    bytes,
    messagesPerSecond: null,
    megabytesPerSecond: null,
    p50Microseconds: percentile(microseconds, 0.5),
    p99Microseconds: percentile(microseconds, 0.99),
  });
}

function samplesOf({ index }: Contestant, kind: Row['kind'], bytes: number): number[] {
  const key = `${index} ${kind} ${bytes}`;
  const found = samples.get(key) ?? [];
  samples.set(key, found);
  return found;
}

/** Each turn begins with another one. */
function rotated<T>(items: readonly T[], turn: number): readonly T[] {
  const first = turn % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** How many messages take about the target time. */
async function calibrate({ client }: Contender, bytes: number): Promise<number> {
  for (let count = 4; ; count *= 4) {
    const [seconds = 1] = await client.ask<number[]>({ do: 'one-way', bytes, count });
    if (seconds > TARGET_SECONDS / 4) return Math.max(2, Math.ceil((count * TARGET_SECONDS) / seconds));
  }
}

function canCarry({ name, transport }: Contender, bytes: number): boolean {
  return !(name.startsWith('NVFlare') && transport === 'http' && bytes > HTTP_LIMIT_BYTES);
}

async function start(contestant: Contestant): Promise<Contender> {
  const module = new URL('worker.ts', import.meta.url);
  const node = SYSTEMS[contestant.index]?.node;
  const [server, client] = [new Child<Request>(module, node), new Child<Request>(module, node)];
  const address = await server.ask<string>({ do: 'serve', system: contestant.index });
  await client.ask({ do: 'connect', system: contestant.index, address });
  pin(server.pid, 0);
  pin(client.pid, 1);
  return { ...contestant, server, client };
}

async function stop({ server, client }: Contender): Promise<void> {
  for (const child of [client, server]) {
    await child.ask({ do: 'close' });
    await child.end();
  }
}

function note(row: Row): void {
  rows.push(row);
  const figure =
    row.kind === 'one-way'
      ? `${Math.round(row.messagesPerSecond ?? 0).toLocaleString('en')} msg/s, ${(row.megabytesPerSecond ?? 0).toFixed(0)} MB/s`
      : `p50 ${(row.p50Microseconds ?? 0).toFixed(0)} µs, p99 ${(row.p99Microseconds ?? 0).toFixed(0)} µs`;
  process.stderr.write(`${row.transport} ${row.kind} ${row.bytes} B  ${row.system}: ${figure}\n`);
}
