/** The thread that fuzzes: all targets in turn, in rounds, so that memory can be compared from round to round. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';

import type { Job, Report } from './protocol.js';
import { runStretch } from './run-target.js';
import type { FuzzTarget, Lab } from './target.js';
import { TARGETS } from './targets/index.js';

/** The first round warms up. */
const ROUNDS = 6;

/** A pure target takes so many turns for one of a live one, whose inputs are few. */
const PURE_TURNS = 3;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const job = workerData as Job;
const present = new Int32Array(job.present);
// Most inputs end in an error, and its stack is most of its cost. One target alone has stacks, to see a failure by.
if (job.targets.length > 1) Error.stackTraceLimit = 0;
const targets = TARGETS.filter(({ name }) => job.targets.includes(name));
const seeds = new Map(targets.map((target) => [target, job.seed]));

const labs = new Map<FuzzTarget, Lab>();
for (const target of targets) labs.set(target, await target.open());
const turns = targets.reduce((sum, { kind }) => sum + turnsOf(kind), 0);
for (let round = 0; round < ROUNDS; round += 1)
  for (const [target, lab] of labs) await stretch(target, lab, round);
for (const lab of labs.values()) await lab.close();
tell({ type: 'end' });

async function stretch(target: FuzzTarget, lab: Lab, round: number): Promise<void> {
  const seed = seeds.get(target) ?? job.seed;
  const begun = performance.now();
  const end = begun + (job.seconds * 1_000 * turnsOf(target.kind)) / ROUNDS / turns;
  Atomics.store(present, 0, TARGETS.indexOf(target));
  const { inputs, failure } = await runStretch(target, lab, {
    seed,
    goesOn: (count) => count === 0 || performance.now() < end,
    begins: (current) => Atomics.store(present, 1, current | 0),
  });
  // A failure does not hide what is behind it.
  seeds.set(target, (seed + inputs) >>> 0);
  collectGarbage();
  const seconds = (performance.now() - begun) / 1_000;
  tell({
    type: 'stretch',
    target: target.name,
    inputs,
    seconds,
    round,
    rssBytes: process.memoryUsage.rss(),
    failure,
  });
}

function turnsOf(kind: FuzzTarget['kind']): number {
  return kind === 'pure' ? PURE_TURNS : 1;
}

function tell(report: Report): void {
  parentPort?.postMessage(report);
}
