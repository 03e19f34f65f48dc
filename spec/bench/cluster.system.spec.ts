import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { withDistribution } from '../support/distribution.js';
import type { Row } from './main.js';
import { figureOf } from './report.js';
import type { ClusterScaleReport } from './scale/report.js';

/** Each starts a dozen processes. */
const TIMEOUT_MS = 300_000;

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rxflare-bench-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Runs a benchmark of the built package. @returns what it measured */
async function measured(script: string, ...args: readonly string[]): Promise<unknown> {
  const file = join(directory, 'result.json');
  const command = ['--import', 'tsx', fileURLToPath(new URL(script, import.meta.url)), ...args];
  await withDistribution(async () => {
    await promisify(execFile)(process.execPath, [...command, '--json', file]);
  });
  return JSON.parse(await readFile(file, 'utf8'));
}

describe('the benchmarks of replicas', () => {
  it(
    'have endpoints join, get messages, and come back from a replica that dies',
    async () => {
      const report = (await measured(
        'scale/main.ts',
        ...['--replicas', '2', '--endpoints', '24', '--replica-timeout-ms', '5000'],
      )) as ClusterScaleReport;
      expect(report).toMatchObject({ transport: 'mux', replicas: 2, endpoints: 24, replicaTimeoutMs: 5_000 });
      expect(report.movedEndpoints).toBeGreaterThan(0);
      expect(report.movedEndpoints).toBeLessThan(24);
      expect(report.broadcastMessagesPerSecond).toBeGreaterThan(0);
      expect(report.sendMessagesPerSecond).toBeGreaterThan(0);
      expect(report.healSeconds).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    'compare the hop, and the traffic within a replica',
    async () => {
      const rows = (await measured('main.ts', '--quick', '--only', 'hop,replica')) as readonly Row[];
      const systems = ['rxflare', 'nats.js', 'socket.io', 'rxflare', 'rxflare, no cluster'];
      const cases = ['one-way 100', 'one-way 10000', 'echo 100'];
      expect(rows.map(({ system, kind, bytes }) => `${system}: ${kind} ${bytes}`).sort()).toEqual(
        systems.flatMap((system) => cases.map((one) => `${system}: ${one}`)).sort(),
      );
      for (const row of rows) expect(figureOf(row)).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
