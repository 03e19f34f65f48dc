/**
 * Memory under back pressure: a sender of many gigabytes to a reader that is slow at first, and a hub whose
 * receiver takes its time while others want answers.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { Child } from '../child.js';
import { percentile } from '../statistics.js';
import type { Request, Sent, Taken } from './worker.js';

/** One line of what `--json` writes. */
export interface MemoryRow {
  readonly transport: string;
  readonly slow: 'reader' | 'receiver';
  readonly megabytes: number;
  readonly messages: number;
  readonly outOfOrder: number;
  readonly seconds: number;
  readonly senderPeakRssMegabytes: number;
  readonly hubPeakRssMegabytes: number;
  /** Of another site on the same hub, before and meanwhile. */
  readonly echoP50Milliseconds: readonly [alone: number, meanwhile: number] | null;
}

const { values: options } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '10' },
    transport: { type: 'string', default: 'tcp,http,grpc' },
    json: { type: 'string' },
  },
});

const LARGE_BYTES = 1_000_000;
const SMALL_BYTES = 100_000;
/** 1 MB/s for ten seconds. */
const SLOW_READER = { millisecondsEach: 1_000, seconds: 10 };
/** For longer than the measurement. */
const SLOW_RECEIVER = { millisecondsEach: 10, seconds: 3_600 };
const SLOW_MESSAGES = 3_000;
const ECHO_SECONDS = 5;

const rows: MemoryRow[] = [];
for (const transport of options.transport.split(',')) {
  note(await slowReader(transport));
  note(await slowReceiver(transport));
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`);

async function slowReader(transport: string): Promise<MemoryRow> {
  const messages = Math.round((Number(options.gigabytes) * 1e9) / LARGE_BYTES);
  process.stderr.write(`${transport}: ${options.gigabytes} GB to a reader of 1 MB/s for ten seconds …\n`);
  const { hub, sites, stop } = await open(transport, ['sender']);
  const taking = hub.ask<Taken>({ do: 'take', count: messages, pace: SLOW_READER });
  const sent = await sites[0]?.ask<Sent>({ do: 'send', count: messages, bytes: LARGE_BYTES });
  const taken = await taking;
  await stop();
  return rowOf(transport, 'reader', LARGE_BYTES, taken, sent, null);
}

async function slowReceiver(transport: string): Promise<MemoryRow> {
  process.stderr.write(`${transport}: a receiver that takes 10 ms a message …\n`);
  const { hub, sites, stop } = await open(transport, ['sender', 'other']);
  const [sender, other] = sites;
  await other?.ask({ do: 'echo', seconds: 1 });
  const alone = (await other?.ask<number[]>({ do: 'echo', seconds: ECHO_SECONDS })) ?? [];
  const taking = hub.ask<Taken>({ do: 'take', count: SLOW_MESSAGES, pace: SLOW_RECEIVER });
  const sending = sender?.ask<Sent>({ do: 'send', count: SLOW_MESSAGES, bytes: SMALL_BYTES });
  const meanwhile = (await other?.ask<number[]>({ do: 'echo', seconds: ECHO_SECONDS })) ?? [];
  const [taken, sent] = [await taking, await sending];
  await stop();
  return rowOf(transport, 'receiver', SMALL_BYTES, taken, sent, [
    percentile(alone, 0.5),
    percentile(meanwhile, 0.5),
  ]);
}

async function open(transport: string, names: readonly string[]) {
  const module = new URL('worker.ts', import.meta.url);
  const hub = new Child<Request>(module);
  const url = await hub.ask<string>({ do: 'listen', url: `${transport}://127.0.0.1:0` });
  const sites = names.map(() => new Child<Request>(module));
  await Promise.all(sites.map((site, index) => site.ask({ do: 'connect', name: names[index] ?? '', url })));
  const stop = async (): Promise<void> => {
    for (const each of [...sites, hub]) {
      await each.ask({ do: 'stop' });
      await each.end();
    }
  };
  return { hub, sites, stop };
}

function rowOf(
  transport: string,
  slow: MemoryRow['slow'],
  bytes: number,
  { messages, outOfOrder, peakRssBytes }: Taken,
  sent: Sent | undefined,
  echoP50Milliseconds: MemoryRow['echoP50Milliseconds'],
): MemoryRow {
  return {
    transport,
    slow,
    megabytes: (messages * bytes) / 1e6,
    messages,
    outOfOrder,
    seconds: sent?.seconds ?? Number.NaN,
    senderPeakRssMegabytes: (sent?.peakRssBytes ?? Number.NaN) / 1e6,
    hubPeakRssMegabytes: peakRssBytes / 1e6,
    echoP50Milliseconds,
  };
}

function note(row: MemoryRow): void {
  rows.push(row);
  const { transport, slow, megabytes, messages, outOfOrder, seconds, echoP50Milliseconds: echo } = row;
  const memory = `RSS at most ${row.senderPeakRssMegabytes.toFixed(0)} MB in the sender, ${row.hubPeakRssMegabytes.toFixed(0)} MB in the hub`;
  const latency =
    echo === null ? '' : `; echo of another site ${echo.map((ms) => ms.toFixed(2)).join(' ms, then ')} ms`;
  process.stdout.write(
    `${transport}, slow ${slow}: ${messages} messages (${megabytes} MB) in ${seconds.toFixed(1)} s, ${outOfOrder} out of order; ${memory}${latency}\n`,
  );
}
