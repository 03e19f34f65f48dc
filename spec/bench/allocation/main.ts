/** How many bytes rxflare allocates for a message of 100 bytes, on each side, collected later: `npm run bench:allocation`. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { provideCertificates } from '../certificates.js';
import { Child } from '../child.js';
import type { Case, Served } from '../system.js';
import { SYSTEMS } from '../systems/index.js';
import type { Request } from '../worker.js';

/** What one message of 100 bytes allocates, in bytes of the heap of JavaScript. */
export interface AllocationRow {
  readonly transport: string;
  readonly sent: number;
  readonly received: number;
}

const TRANSPORTS = ['tcp', 'http', 'grpc', 'stcp'];
const SMALL: Case = { kind: 'one-way', bytes: 100 };
const MESSAGES = 50_000;
/** So large that nothing is collected while it is counted. */
const NEW_SPACE_MIB = 512;
const NODE = {
  execArgv: [
    '--expose-gc',
    `--max-semi-space-size=${NEW_SPACE_MIB}`,
    `--min-semi-space-size=${NEW_SPACE_MIB}`,
  ],
};

const { values: options } = parseArgs({ options: { json: { type: 'string' } } });

await provideCertificates();
const rows: AllocationRow[] = [];
for (const transport of TRANSPORTS) rows.push(await measure(transport));
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`);
for (const { transport, sent, received } of rows)
  process.stdout.write(`${transport}  ${sent} B sent, ${received} B received\n`);

async function measure(transport: string): Promise<AllocationRow> {
  const system = SYSTEMS.findIndex((each) => each.name === 'rxflare' && each.transport === transport);
  const module = new URL('../worker.ts', import.meta.url);
  const [server, client] = [new Child<Request>(module, NODE), new Child<Request>(module, NODE)];
  const { address } = await server.ask<Served>({ do: 'serve', system });
  await client.ask({ do: 'connect', system, address });
  const send = () => client.ask({ do: 'measure', one: SMALL, count: MESSAGES });
  // Code that is not compiled yet allocates more.
  for (let round = 0; round < 10; round += 1) await send();
  const heaps = (does: 'collect' | 'heap') =>
    Promise.all([client, server].map((side) => side.ask<number>({ do: does })));
  const before = await heaps('collect');
  await send();
  const after = await heaps('heap');
  const [sent = 0, received = 0] = after.map((bytes, side) => (bytes - (before[side] ?? 0)) / MESSAGES);
  for (const side of [client, server]) {
    await side.ask({ do: 'close' });
    await side.end();
  }
  return { transport, sent: Math.round(sent), received: Math.round(received) };
}
