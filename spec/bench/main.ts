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

const ROUNDS = 3;
/** How long one measurement should take. */
const TARGET_SECONDS = options.quick ? 0.15 : 0.6;
const ONE_WAY_BYTES = options.quick ? [100, 1_000_000] : [100, 10_000, 1_000_000, 16_000_000];
const ECHO_BYTES = options.quick ? [100] : [100, 1_000_000];
const ECHOES = options.quick ? 200 : 1_000;
/** NVFlare's WebSocket client refuses frames of 4 MiB and more. */
const HTTP_LIMIT_BYTES = 4_000_000;

interface Contender {
  readonly index: number;
  readonly name: string;
  readonly transport: string;
  readonly server: Child<Request>;
  readonly client: Child<Request>;
}

const wanted = SYSTEMS.map((system, index) => ({ ...system, index })).filter(
  ({ name, transport }) =>
    (options.transport === undefined || options.transport === transport) &&
    (options.only === undefined || options.only.split(',').includes(name)) &&
    !(options.quick && name === 'NVFlare 2.9.0' && transport !== 'tcp'),
);

const rows: Row[] = [];
for (const transport of new Set(wanted.map((system) => system.transport))) {
  const contenders: Contender[] = [];
  for (const system of wanted.filter((each) => each.transport === transport))
    contenders.push(await start(system));
  for (const bytes of ONE_WAY_BYTES) await compareOneWay(contenders, bytes);
  for (const bytes of ECHO_BYTES) await compareEcho(contenders, bytes);
  for (const contender of contenders) await stop(contender);
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`);
process.stdout.write(`\n${renderReport(rows)}\n`);

async function compareOneWay(contenders: readonly Contender[], bytes: number): Promise<void> {
  const able = contenders.filter((contender) => canCarry(contender, bytes));
  const counts = new Map<Contender, number>();
  for (const contender of able) counts.set(contender, await calibrate(contender, bytes));
  const rates = new Map<Contender, number[]>(able.map((contender) => [contender, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of able) {
      const count = counts.get(contender) ?? 1;
      const [seconds = Number.NaN] = await contender.client.ask<number[]>({ do: 'one-way', bytes, count });
      rates.get(contender)?.push(count / seconds);
    }
  }
  for (const contender of able) {
    const { name, transport } = contender;
    const rate = median(rates.get(contender) ?? []);
    const megabytesPerSecond = (rate * bytes) / 1e6;
    note({
      system: name,
      transport,
      kind: 'one-way',
      bytes,
      messagesPerSecond: rate,
      megabytesPerSecond,
      p50Microseconds: null,
      p99Microseconds: null,
    });
  }
}

async function compareEcho(contenders: readonly Contender[], bytes: number): Promise<void> {
  const count = bytes > 100_000 ? Math.ceil(ECHOES / 10) : ECHOES;
  const able = contenders.filter(({ name }) => !name.includes('to NVFlare'));
  const times = new Map<Contender, number[]>(able.map((contender) => [contender, []]));
  for (const { client } of able) await client.ask({ do: 'echo', bytes, count });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of able)
      times.get(contender)?.push(...(await contender.client.ask<number[]>({ do: 'echo', bytes, count })));
  }
  for (const contender of able) {
    const microseconds = (times.get(contender) ?? []).map((seconds) => seconds * 1e6);
    note({
      system: contender.name,
      transport: contender.transport,
      kind: 'echo',
      bytes,
      messagesPerSecond: null,
      megabytesPerSecond: null,
      p50Microseconds: percentile(microseconds, 0.5),
      p99Microseconds: percentile(microseconds, 0.99),
    });
  }
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

async function start({
  index,
  name,
  transport,
}: {
  index: number;
  name: string;
  transport: string;
}): Promise<Contender> {
  process.stderr.write(`starting ${name} on ${transport} …\n`);
  const module = new URL('worker.ts', import.meta.url);
  const [server, client] = [new Child<Request>(module), new Child<Request>(module)];
  const address = await server.ask<string>({ do: 'serve', system: index });
  await client.ask({ do: 'connect', system: index, address });
  pin(server.pid, 0);
  pin(client.pid, 1);
  return { index, name, transport, server, client };
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
