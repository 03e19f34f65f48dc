/** Streams gigabytes to a consumer that is slow at first, and prints what memory that took: `slow-stream.ts <gigabytes>`. */
import { setTimeout as sleep } from 'node:timers/promises';

import { filter, firstValueFrom, lastValueFrom, switchMap, take } from 'rxjs';

import { Cell } from '../../lib/cellnet/index.js';
import { Communicator, Endpoint, Mode } from '../../lib/index.js';

/** What was seen. */
export interface SlowStream {
  readonly receivedBytes: number;
  readonly outOfOrder: number;
  readonly seconds: number;
  /** By how much the resident memory of both ends, in one process, grew at most. */
  readonly grownBytes: number;
}

const MIB = 1024 ** 2;
/** Longer than the window is full. */
const SLOW_CHUNKS = 40;
const SLOW_MS = 50;

const chunks = Math.ceil((Number(process.argv[2]) * 1e9) / MIB);
const hub = new Communicator(new Endpoint('server'));
hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
const listening = firstValueFrom(hub.lifecycle$.pipe(filter((event) => event.type === 'listening')));
await hub.start();
const { url } = await listening;
const site = new Communicator(new Endpoint('site-1'));
site.addConnector(url, Mode.ACTIVE);
const [server, client] = [new Cell(hub), new Cell(site)];
await site.start();
await Promise.all([firstValueFrom(hub.ready('site-1')), firstValueFrom(site.ready('server'))]);

let [received, outOfOrder, peak] = [0, 0, 0];
const consumed = lastValueFrom(
  server.streams('c', 't').pipe(
    take(1),
    switchMap((stream) =>
      stream.consume(async (chunk) => {
        if (numberOf(chunk).getUint32(0) !== received) outOfOrder += 1;
        received += 1;
        peak = Math.max(peak, process.memoryUsage.rss());
        if (received <= SLOW_CHUNKS) await sleep(SLOW_MS);
      }),
    ),
  ),
);
globalThis.gc?.();
const before = process.memoryUsage.rss();
const startedAt = performance.now();
const sent = lastValueFrom(client.sendStream('server', 'c', 't', generated(), { reliable: true }));
await Promise.all([consumed, sent]);
const seconds = (performance.now() - startedAt) / 1_000;
await Promise.all([site.stop(), hub.stop()]);
const result: SlowStream = { receivedBytes: received * MIB, outOfOrder, seconds, grownBytes: peak - before };
process.stdout.write(`${JSON.stringify(result)}\n`);

function* generated(): Generator<Uint8Array> {
  for (let number = 0; number < chunks; number += 1) {
    const chunk = new Uint8Array(MIB);
    numberOf(chunk).setUint32(0, number);
    yield chunk;
  }
}

function numberOf(chunk: Uint8Array): DataView {
  return new DataView(chunk.buffer, chunk.byteOffset);
}
