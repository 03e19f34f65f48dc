/**
 * How many endpoints one hub can have, and what each of them costs: N sites in a few processes join one hub, or one that
 * has so many `--replicas`.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { provideCertificates } from '../certificates.js';
import { measureCluster } from './cluster.js';
import { measureOneHub } from './one-hub.js';

const { values: options } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '10000' },
    transport: { type: 'string' },
    'idle-seconds': { type: 'string', default: '70' },
    replicas: { type: 'string' },
    'replica-timeout-ms': { type: 'string' },
    json: { type: 'string' },
  },
});

const TRANSPORTS = ['tcp', 'stcp', 'mux'];
const { replicas } = options;
// The sites of a cluster need sockets as well as its replicas do, so they share some.
const { transport = replicas === undefined ? 'tcp' : 'mux' } = options;
if (!TRANSPORTS.includes(transport)) throw new Error(`--transport: expected ${TRANSPORTS.join(', ')}`);
const crowd = { transport, endpoints: wholeNumber('endpoints', options.endpoints) };
// Where all cores are busy with a large crowd, a replica may be silent for seconds.
const { 'replica-timeout-ms': replicaTimeoutMs = crowd.endpoints > 10_000 ? '10000' : '2000' } = options;

await provideCertificates();
const report =
  replicas === undefined
    ? await measureOneHub(crowd, wholeNumber('idle-seconds', options['idle-seconds']))
    : await measureCluster(crowd, {
        replicas: wholeNumber('replicas', replicas),
        replicaTimeoutMs: wholeNumber('replica-timeout-ms', replicaTimeoutMs),
      });
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
for (const [name, value] of Object.entries(report) as [string, number | string][])
  process.stdout.write(`${name.padEnd(32)} ${typeof value === 'string' ? value : describe(value)}\n`);

function wholeNumber(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`--${option}: expected a whole number, got ${text}`);
}

function describe(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}
