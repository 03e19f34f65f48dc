/**
 * How many endpoints one hub can have, and what each of them costs: N sites in a few processes join one hub. Beside it,
 * what bare sockets take for the same broadcast.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { provideCertificates } from '../certificates.js';
import { Child } from '../child.js';
import { median } from '../statistics.js';
import type { BareRequest } from './bare.js';
import type { HubRequest, Resources } from './hub.js';
import type { ScaleReport } from './report.js';
import type { SitesRequest } from './sites.js';

const { values: options } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '10000' },
    transport: { type: 'string', default: 'tcp' },
    'idle-seconds': { type: 'string', default: '70' },
    json: { type: 'string' },
  },
});

const TRANSPORTS = ['tcp', 'stcp', 'mux'];
const { transport } = options;
const endpoints = wholeNumber('endpoints', options.endpoints);
const idleSeconds = wholeNumber('idle-seconds', options['idle-seconds']);
if (!TRANSPORTS.includes(transport)) throw new Error(`--transport: expected ${TRANSPORTS.join(', ')}`);
const PROCESSES = 4;
const BROADCASTS = 5;
/** Of more than 10,000, those that look for a hub all at once would leave it no core. */
const isLarge = endpoints > 10_000;

/** What one message of a broadcast takes. */
interface Broadcast {
  readonly messagesPerSecond: number;
  /** Of the hub. */
  readonly cpuMicroseconds: number;
}

await provideCertificates();
const withRxflare = await measureRxflare();
const bare = await measureBareSockets();
const report: ScaleReport = {
  transport,
  endpoints,
  ...withRxflare,
  bareSocketsMessagesPerSecond: bare.messagesPerSecond,
  bareSocketsCpuMicroseconds: bare.cpuMicroseconds,
};
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
for (const [name, value] of Object.entries(report) as [string, number | string][])
  process.stdout.write(`${name.padEnd(32)} ${typeof value === 'string' ? value : describe(value)}\n`);

async function measureRxflare(): Promise<
  Omit<ScaleReport, 'transport' | 'endpoints' | 'bareSocketsMessagesPerSecond' | 'bareSocketsCpuMicroseconds'>
> {
  const hub = new Child<HubRequest>(new URL('hub.ts', import.meta.url), { execArgv: ['--expose-gc'] });
  const processes = children<SitesRequest>('sites.ts');
  const url = await hub.ask<string>({ do: 'listen', transport, endpoints });
  const resources = async (): Promise<Resources> => {
    await hub.ask({ do: 'collect-garbage' });
    return hub.ask<Resources>({ do: 'measure' });
  };
  const before = await resources();

  tell(`${endpoints} endpoints join …`);
  const whole = hub.ask<number[]>({ do: 'wait-for-all' });
  await Promise.all(processes.map((each, index) => each.ask({ do: 'join', url, ...shareOf(index) })));
  const joinedAtMs = await whole;

  tell(`idle for ${idleSeconds} s …`);
  const joined = await resources();
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
  const idle = await hub.ask<Resources>({ do: 'measure' });

  const cpuMs = async (): Promise<number> => (await hub.ask<Resources>({ do: 'measure' })).cpuMs;
  const { messagesPerSecond, cpuMicroseconds } = await measureBroadcast(
    () => hub.ask({ do: 'broadcast' }),
    processes,
    cpuMs,
  );

  tell('all send …');
  const sendSeconds = await seconds(async () => {
    const received = hub.ask({ do: 'receive-from-all' });
    await Promise.all(processes.map((each) => each.ask({ do: 'send' })));
    await received;
  });

  const restartSeconds = isLarge ? undefined : await restart(hub);

  tell('all leave …');
  const leaveSeconds = await seconds(async () => {
    const left = hub.ask({ do: 'wait-for-none' });
    // So many communicators of one process take minutes to say farewell, which is no time of the hub.
    await Promise.all(processes.map((each) => (isLarge ? each.end() : each.ask({ do: 'leave' }))));
    await left;
  });
  const after = await resources();
  await hub.ask({ do: 'stop' });
  await Promise.all([hub, ...processes].map((each) => each.end()));

  const quarter = Math.floor(joinedAtMs.length / 4);
  return {
    joinSeconds: spanSeconds(joinedAtMs),
    joinsPerSecondFirstQuarter: quarter / spanSeconds(joinedAtMs.slice(0, quarter)),
    joinsPerSecondLastQuarter: quarter / spanSeconds(joinedAtMs.slice(-quarter)),
    rssBytesPerEndpoint: (joined.rssBytes - before.rssBytes) / endpoints,
    heapBytesPerEndpoint: (joined.heapBytes - before.heapBytes) / endpoints,
    idleCpuPercent: ((idle.cpuMs - joined.cpuMs) / (idle.atMs - joined.atMs)) * 100,
    broadcastMessagesPerSecond: messagesPerSecond,
    broadcastCpuMicroseconds: cpuMicroseconds,
    sendMessagesPerSecond: endpoints / sendSeconds,
    ...(restartSeconds === undefined ? {} : { restartSeconds }),
    leaveSeconds,
    rssBytesPerEndpointAfter: (after.rssBytes - before.rssBytes) / endpoints,
    heapBytesPerEndpointAfter: (after.heapBytes - before.heapBytes) / endpoints,
  };
}

function restart(hub: Child<HubRequest>): Promise<number> {
  tell('the hub stops listening, and listens again …');
  return hub.ask({ do: 'restart' });
}

async function measureBareSockets(): Promise<Broadcast> {
  tell(`${endpoints} bare sockets …`);
  const hub = new Child<BareRequest>(new URL('bare.ts', import.meta.url));
  const processes = children<BareRequest>('bare.ts');
  const port = await hub.ask<number>({ do: 'listen', transport });
  const all = hub.ask({ do: 'wait-for-all', endpoints });
  await Promise.all(
    processes.map((each, index) => each.ask({ do: 'join', transport, port, count: shareOf(index).count })),
  );
  await all;
  const broadcast = await measureBroadcast(
    () => hub.ask({ do: 'broadcast' }),
    processes,
    () => hub.ask<number>({ do: 'cpu-ms' }),
  );
  await Promise.all([hub, ...processes].map((each) => each.end()));
  return broadcast;
}

/** One message to each endpoint, over and over, until all have arrived. */
async function measureBroadcast(
  broadcast: () => Promise<unknown>,
  processes: readonly Child<{ readonly do: 'receive' }>[],
  cpuMs: () => Promise<number>,
): Promise<Broadcast> {
  tell('broadcast …');
  const rates: number[] = [];
  const cpuMicroseconds: number[] = [];
  for (let round = 0; round < BROADCASTS; round += 1) {
    const cpuMsBefore = await cpuMs();
    const received = processes.map((each) => each.ask<undefined>({ do: 'receive' }));
    const took = await seconds(async () => {
      await broadcast();
      await Promise.all(received);
    });
    rates.push(endpoints / took);
    cpuMicroseconds.push((((await cpuMs()) - cpuMsBefore) * 1_000) / endpoints);
  }
  return { messagesPerSecond: median(rates), cpuMicroseconds: median(cpuMicroseconds) };
}

function children<Request extends object>(file: string): readonly Child<Request>[] {
  return Array.from({ length: PROCESSES }, () => new Child<Request>(new URL(file, import.meta.url)));
}

function shareOf(index: number): { first: number; count: number } {
  const first = Math.floor((endpoints * index) / PROCESSES);
  return { first, count: Math.floor((endpoints * (index + 1)) / PROCESSES) - first };
}

function spanSeconds(times: readonly number[]): number {
  return ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
}

function wholeNumber(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`--${option}: expected a whole number, got ${text}`);
}

function describe(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
