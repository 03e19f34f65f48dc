/** Throughput and latency of rxflare beside everything that could be taken in its place, in one run. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { provideCertificates } from './certificates.js';
import { Child } from './child.js';
import { pin } from './pin.js';
import { describeFigure, renderReport } from './report.js';
import { median, percentile } from './statistics.js';
import type { Case, Served } from './system.js';
import { SYSTEMS } from './systems/index.js';
import type { Request } from './worker.js';

/** One measured figure, as `--json` writes it. */
export interface Row extends Case {
  readonly system: string;
  readonly transport: string;
  readonly messagesPerSecond: number | null;
  readonly megabytesPerSecond: number | null;
  readonly p50Microseconds: number | null;
  readonly p99Microseconds: number | null;
}

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    starts: { type: 'string' },
    json: { type: 'string' },
    only: { type: 'string' },
    system: { type: 'string' },
  },
});

/**
 * Every system starts anew so often, in new processes: where their memory comes to lie makes the same system twice as
 * fast or half as fast for as long as it runs.
 */
const STARTS = Number(options.starts ?? (options.quick ? 1 : 5));
const ROUNDS_PER_START = options.quick ? 3 : 1;
/** How long one measurement should take. */
const TARGET_SECONDS = options.quick ? 0.15 : 0.6;
const ECHOES = options.quick ? 200 : 1_000;
/** So many times as many echoes go before those that are measured: compilers work beside the first thousands. */
const WARM_UP = options.quick ? 1 : 5;

/** Where four processes share what is to be done, each gets warm slowly: there messages in one direction get as much too. */
const WARM_LONG: readonly string[] = ['hop', 'replica'];

const ONE_WAY_BYTES = options.quick ? [100, 1_000_000] : [100, 10_000, 1_000_000, 16_000_000];
const ECHO_BYTES = options.quick ? [100] : [100, 1_000_000];
const TRANSPORT_CASES: readonly Case[] = [
  ...ONE_WAY_BYTES.map((bytes) => ({ kind: 'one-way', bytes }) as const),
  ...ECHO_BYTES.map((bytes) => ({ kind: 'echo', bytes }) as const),
];
const CELL_CASES: readonly Case[] = [
  { kind: 'echo', bytes: 100 },
  { kind: 'pipelined', bytes: 100 },
  { kind: 'stream', bytes: 512_000_000 },
];
const REPLICA_CASES: readonly Case[] = [
  { kind: 'one-way', bytes: 100 },
  { kind: 'one-way', bytes: 10_000 },
  { kind: 'echo', bytes: 100 },
];
/** Of the tables that do not have the cases of a transport. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  cells: CELL_CASES,
  hop: REPLICA_CASES,
  replica: REPLICA_CASES,
};
/** How often a stream is sent at a time. */
const STREAMS = 3;

interface Contestant {
  readonly index: number;
  readonly name: string;
  readonly transport: string;
}

interface Contender extends Contestant {
  readonly server: Child<Request>;
  readonly client: Child<Request>;
}

/** `--only cells,tcp` for some tables, `--system rxflare,ws` for some columns, `--starts 15` for figures that are closer. */
const wanted: readonly Contestant[] = SYSTEMS.map(({ name, transport }, index) => ({
  name,
  transport,
  index,
})).filter(
  ({ name, transport }) =>
    isChosen(options.only, transport) &&
    isChosen(options.system, name) &&
    !(
      options.quick &&
      options.system === undefined &&
      name === 'NVFlare 2.9.0' &&
      !['tcp', 'cells'].includes(transport)
    ),
);

/** How many a second, or the seconds there and back, of each contestant in each case. */
const samples = new Map<string, number[]>();
const rows: Row[] = [];
await provideCertificates();
for (const transport of new Set(wanted.map((contestant) => contestant.transport))) {
  const contestants = wanted.filter((contestant) => contestant.transport === transport);
  const cases = CASES[transport] ?? TRANSPORT_CASES;
  for (let turn = 0; turn < STARTS; turn += 1) {
    process.stderr.write(`${transport}, start ${turn + 1} of ${STARTS} …\n`);
    const contenders: Contender[] = [];
    for (const contestant of rotated(contestants, turn)) contenders.push(await start(contestant));
    for (const one of cases) await measure(contenders, one);
    for (const contender of contenders) await stop(contender);
  }
  for (const one of cases) for (const each of contestants) note(each, one);
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`);
process.stdout.write(`\n${renderReport(rows)}\n`);

async function measure(contenders: readonly Contender[], one: Case): Promise<void> {
  const counts = new Map<Contender, number>();
  for (const contender of contenders) {
    if (SYSTEMS[contender.index]?.can?.(one) ?? true) counts.set(contender, await warmUp(contender, one));
  }
  for (let round = 0; round < ROUNDS_PER_START; round += 1) {
    for (const [contender, count] of counts) {
      const seconds = await ask(contender, one, count);
      const figures = one.kind === 'echo' ? seconds : seconds.map((each) => perMeasure(one, count) / each);
      samplesOf(contender, one).push(...figures);
    }
  }
}

/** How many of a measurement are behind each of its seconds. */
function perMeasure({ kind }: Case, count: number): number {
  return kind === 'stream' ? 1 : count;
}

/** @returns how many are to be measured: where they are not timed one by one, as many as take the target time */
async function warmUp(contender: Contender, one: Case): Promise<number> {
  if (one.kind === 'one-way' || one.kind === 'pipelined') return calibrate(contender, one);
  const echoes = one.bytes > 100_000 ? Math.ceil(ECHOES / 10) : ECHOES;
  if (one.kind === 'echo') {
    await ask(contender, one, echoes * WARM_UP);
    return echoes;
  }
  await ask(contender, one, STREAMS);
  return STREAMS;
}

function note({ index, name, transport }: Contestant, one: Case): void {
  const figures = samplesOf({ index }, one);
  if (figures.length === 0) return;
  const isTimed = one.kind === 'echo';
  const rate = isTimed ? null : median(figures);
  const row: Row = {
    system: name,
    transport,
    ...one,
    messagesPerSecond: rate,
    megabytesPerSecond: rate === null ? null : (rate * one.bytes) / 1e6,
    p50Microseconds: isTimed ? percentile(figures, 0.5) * 1e6 : null,
    p99Microseconds: isTimed ? percentile(figures, 0.99) * 1e6 : null,
  };
  rows.push(row);
  process.stderr.write(`${transport} ${one.kind} ${one.bytes} B  ${name}: ${describeFigure(row)}\n`);
}

function samplesOf({ index }: Pick<Contestant, 'index'>, { kind, bytes }: Case): number[] {
  const key = `${index} ${kind} ${bytes}`;
  const found = samples.get(key) ?? [];
  samples.set(key, found);
  return found;
}

function isChosen(list: string | undefined, name: string): boolean {
  return list === undefined || list.split(',').includes(name);
}

/** Each turn begins with another one. */
function rotated<T>(items: readonly T[], turn: number): readonly T[] {
  const first = turn % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** How many take about the target time. */
async function calibrate(contender: Contender, one: Case): Promise<number> {
  for (let count = 4; ; count *= 4) {
    const [seconds = 1] = await ask(contender, one, count);
    if (seconds <= TARGET_SECONDS / 4) continue;
    const cold = countFor(count, seconds);
    if (!WARM_LONG.includes(contender.transport)) return cold;
    await ask(contender, one, cold * WARM_UP);
    const [warm = 1] = await ask(contender, one, cold);
    return countFor(cold, warm);
  }
}

/** How many take the target time where so many took so many seconds. */
function countFor(count: number, seconds: number): number {
  return Math.max(2, Math.ceil((count * TARGET_SECONDS) / seconds));
}

function ask({ client }: Contender, one: Case, count: number): Promise<number[]> {
  return client.ask<number[]>({ do: 'measure', one, count });
}

async function start(contestant: Contestant): Promise<Contender> {
  const module = new URL('worker.ts', import.meta.url);
  const node = SYSTEMS[contestant.index]?.node;
  const [server, client] = [new Child<Request>(module, node), new Child<Request>(module, node)];
  const { address, beside } = await server.ask<Served>({ do: 'serve', system: contestant.index });
  await client.ask({ do: 'connect', system: contestant.index, address });
  pin(server.pid, 0, beside);
  pin(client.pid, 1);
  return { ...contestant, server, client };
}

async function stop({ server, client }: Contender): Promise<void> {
  for (const child of [client, server]) {
    await child.ask({ do: 'close' });
    await child.end();
  }
}
