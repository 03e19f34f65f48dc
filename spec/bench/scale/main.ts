/** How many endpoints one hub can have, and what each of them costs: N sites in a few processes join one hub. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { Child } from '../child.js';
import type { HubRequest, Resources } from './hub.js';
import type { SitesRequest } from './sites.js';

/** What `--json` writes. */
export interface ScaleReport {
  readonly endpoints: number;
  /** From the first join to the last. */
  readonly joinSeconds: number;
  readonly joinsPerSecondFirstQuarter: number;
  readonly joinsPerSecondLastQuarter: number;
  /** Of the hub. */
  readonly rssBytesPerEndpoint: number;
  /** Of one core, in the hub, with heartbeats on and nothing else to do. */
  readonly idleCpuPercent: number;
  /** One message to each endpoint, over and over, until all have arrived. */
  readonly broadcastMessagesPerSecond: number;
  /** One message of each endpoint to the hub. */
  readonly sendMessagesPerSecond: number;
  readonly leaveSeconds: number;
}

const { values: options } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '10000' },
    transport: { type: 'string', default: 'tcp' },
    'idle-seconds': { type: 'string', default: '70' },
    json: { type: 'string' },
  },
});

const endpoints = Number(options.endpoints);
const idleSeconds = Number(options['idle-seconds']);
const PROCESSES = 4;
const BROADCASTS = 5;

const hub = new Child<HubRequest>(new URL('hub.ts', import.meta.url), { execArgv: ['--expose-gc'] });
const processes = Array.from(
  { length: PROCESSES },
  () => new Child<SitesRequest>(new URL('sites.ts', import.meta.url)),
);

const url = await hub.ask<string>({ do: 'listen', url: `${options.transport}://127.0.0.1:0`, endpoints });
await hub.ask({ do: 'collect-garbage' });
const before = await hub.ask<Resources>({ do: 'measure' });

const whole = hub.ask<number[]>({ do: 'wait-for-all' });
tell(`${endpoints} endpoints join …`);
await Promise.all(processes.map((each, index) => each.ask({ do: 'join', url, ...shareOf(index) })));
const joinedAtMs = await whole;

tell(`idle for ${idleSeconds} s …`);
await hub.ask({ do: 'collect-garbage' });
const joined = await hub.ask<Resources>({ do: 'measure' });
await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
const idle = await hub.ask<Resources>({ do: 'measure' });

tell('broadcast …');
const broadcastRates: number[] = [];
for (let round = 0; round < BROADCASTS; round += 1) {
  const received = processes.map((each) => each.ask<number>({ do: 'receive' }));
  const startedAt = performance.now();
  await hub.ask({ do: 'broadcast' });
  await Promise.all(received);
  broadcastRates.push(endpoints / ((performance.now() - startedAt) / 1_000));
}

tell('all send …');
const sendSeconds = await seconds(async () => {
  const received = hub.ask({ do: 'receive-from-all' });
  await Promise.all(processes.map((each) => each.ask({ do: 'send' })));
  await received;
});

tell('all leave …');
const leaveSeconds = await seconds(async () => {
  const left = hub.ask({ do: 'wait-for-none' });
  await Promise.all(processes.map((each) => each.ask({ do: 'leave' })));
  await left;
});
await hub.ask({ do: 'stop' });
await Promise.all([hub, ...processes].map((each) => each.end()));

const quarter = Math.floor(joinedAtMs.length / 4);
const report: ScaleReport = {
  endpoints,
  joinSeconds: spanSeconds(joinedAtMs),
  joinsPerSecondFirstQuarter: quarter / spanSeconds(joinedAtMs.slice(0, quarter)),
  joinsPerSecondLastQuarter: quarter / spanSeconds(joinedAtMs.slice(-quarter)),
  rssBytesPerEndpoint: (joined.rssBytes - before.rssBytes) / endpoints,
  idleCpuPercent: ((idle.cpuMs - joined.cpuMs) / (idle.atMs - joined.atMs)) * 100,
  broadcastMessagesPerSecond:
    broadcastRates.toSorted((a, b) => a - b)[Math.floor(BROADCASTS / 2)] ?? Number.NaN,
  sendMessagesPerSecond: endpoints / sendSeconds,
  leaveSeconds,
};
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
for (const [name, value] of Object.entries(report) as [string, number][])
  process.stdout.write(
    `${name.padEnd(28)} ${value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)}\n`,
  );

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

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
