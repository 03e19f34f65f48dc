/** A hub, ten sites, and a relay with two leaves talk while everything goes wrong that can: `npm run soak -- --seconds 120 --seed 1`. */
import { parseArgs } from 'node:util';

import { failures, renderReport } from './report.js';
import { runSoak } from './soak.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    seed: { type: 'string', default: '1' },
    sites: { type: 'string', default: '10' },
  },
});
const [seconds, seed, sites] = [Number(values.seconds), Number(values.seed), Number(values.sites)];

const result = await runSoak({
  seconds,
  seed,
  sites,
  trialEveryMs: 10_000 / sites,
  heartbeatMs: 1_000,
  // Signals, timers and bytes take a moment.
  marginMs: 250,
  progress: (line) => void process.stdout.write(`${line}\n`),
});
process.stdout.write(`\n${renderReport(result)}\n`);
process.exitCode = failures(result).length === 0 ? 0 : 1;
