/** The fast path of message headers beside the library, for headers that repeat and headers that do not. */
import { Decoder, Encoder } from '@msgpack/msgpack';

import type { MessageHeaders } from '../../lib/message.js';
import { MAX_FLAT_BYTES, readFlatMap, writeFlatMap } from '../../lib/wire/flat-map.js';
import { median } from './statistics.js';
import { headersOf } from './system.js';

const MAPS = 1_000;
const ROUNDS = 200;

const [encoder, decoder] = [new Encoder(), new Decoder()];
const target = new DataView(new ArrayBuffer(MAX_FLAT_BYTES));
const inputs: Record<string, readonly MessageHeaders[]> = {
  'that repeat': Array.from({ length: MAPS }, () => headersOf('data')),
  'with two values of their own': Array.from({ length: MAPS }, (_, index) => ({
    ...headersOf('data'),
    origin: `site-${index}.job-${index * 7}`,
    id: `b0e1-${index * 104_729}`,
  })),
};

for (const [name, maps] of Object.entries(inputs)) {
  const encoded = maps.map((map) => encoder.encode(map));
  const tasks: Record<string, () => void> = {
    'write, fast path': () => maps.forEach((map) => writeFlatMap(map, target, 0)),
    'write, library': () => maps.forEach((map) => encoder.encodeSharedRef(map)),
    'read, fast path': () => encoded.forEach((bytes) => readFlatMap(bytes, 0, bytes.length)),
    'read, library': () => encoded.forEach((bytes) => decoder.decode(bytes)),
  };
  const times = new Map<string, number[]>(Object.keys(tasks).map((task) => [task, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [task, run] of Object.entries(tasks)) {
      const startedAt = performance.now();
      run();
      times.get(task)?.push(((performance.now() - startedAt) * 1e6) / MAPS);
    }
  }
  for (const [task, nanoseconds] of times)
    process.stdout.write(`headers ${name}: ${task.padEnd(16)} ${median(nanoseconds).toFixed(0)} ns a map\n`);
}
