/**
 * Everything goes wrong that can, and nothing may be lost:
 *
 * - `npm run soak -- --seconds 120 --seed 1`: a hub, ten sites, and a relay with two leaves
 * - `npm run soak -- --cluster --seconds 300 --seed 1`: a hub of three replicas, NATS, and a dozen sites
 */
import { parseArgs } from 'node:util';

import compile from '../support/compiled.js';
import { runClusterSoak } from './cluster/cluster-soak.js';
import { failures as clusterFailures, renderReport as renderClusterReport } from './cluster/report.js';
import { KINDS } from './cluster/rounds.js';
import { failures, renderReport } from './report.js';
import { runSoak } from './soak.js';

const { values } = parseArgs({
  options: {
    cluster: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    sites: { type: 'string' },
    /** Of a cluster: the only faults there are, such as `kill NATS`. */
    fault: { type: 'string', multiple: true },
  },
});
const seed = Number(values.seed);
const violations = values.cluster ? await soakCluster() : await soakHub();
process.exitCode = violations.length === 0 ? 0 : 1;

async function soakHub(): Promise<readonly string[]> {
  const sites = Number(values.sites ?? 10);
  const result = await runSoak({
    seconds: Number(values.seconds ?? 120),
    seed,
    sites,
    trialEveryMs: 10_000 / sites,
    heartbeatMs: 1_000,
    // Signals, timers and bytes take a moment.
    marginMs: 250,
    progress: tell,
  });
  tell(`\n${renderReport(result)}`);
  return failures(result);
}

async function soakCluster(): Promise<readonly string[]> {
  // Networks would stay.
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  // Two dozen processes start, and some of them again and again.
  await compile();
  const result = await runClusterSoak({
    seconds: Number(values.seconds ?? 300),
    seed,
    sites: Number(values.sites ?? 12),
    kinds: values.fault && KINDS.filter((kind) => values.fault?.includes(kind)),
    nvflare: true,
    replicaTimeoutMs: 2_000,
    heartbeatMs: 1_000,
    marginMs: 5_000,
    progress: tell,
    signal: abort.signal,
  });
  tell(`\n${renderClusterReport(result)}`);
  return clusterFailures(result);
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
