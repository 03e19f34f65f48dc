/** Feeds hostile bytes to every part that takes bytes of strangers: `npm run fuzz -- --seconds 60 --seed 1`. */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

import { Dice } from './dice.js';
import type { Job, Report } from './protocol.js';
import { FuzzReport, renderFailure } from './report.js';
import { describe, failureOf } from './run-target.js';
import { TARGETS } from './targets/index.js';

/** One input may take so long, that of a live target with all its patience included. */
const HANG_MS = 20_000;
const LOOK_MS = 500;

/** The thread that fuzzes gets no more, so that what eats memory shows. */
const HEAP_MIB = 512;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    target: { type: 'string', multiple: true },
  },
});

const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(options.seed) >>> 0;
const seconds = Number(options.seconds);
const known = TARGETS.map(({ name }) => name);
const targets = options.target ?? known;
const unknown = targets.filter((name) => !known.includes(name));
if (unknown.length > 0 || !(seconds > 0)) {
  process.stderr.write(
    `expected --seconds over 0 and --target of ${known.join(', ')}; got ${unknown.join(', ')}\n`,
  );
  process.exit(2);
}

const report = new FuzzReport();
const present = new SharedArrayBuffer(8);
process.stderr.write(`fuzzing ${targets.join(', ')} for ${seconds} s from seed ${seed}\n`);
const isOver = await fuzz({ targets, seed, seconds, present });
process.stdout.write(`\n${report.render()}\n`);
for (const failure of report.failures) process.stdout.write(`\n${renderFailure(failure)}\n`);
process.exitCode = isOver && report.isGood ? 0 : 1;

/** Runs the thread to its end; false where that was not a good one. */
function fuzz(job: Job): Promise<boolean> {
  const worker = startWorker(job);
  const watch = new Int32Array(present);
  let last = { target: -1, seed: 0, since: Date.now() };
  const watchdog = setInterval(() => {
    const [target = 0, current = 0] = watch;
    if (target !== last.target || current !== last.seed) last = { target, seed: current, since: Date.now() };
    if (Date.now() - last.since < HANG_MS) return;
    blame(new Error(`no end after ${HANG_MS} ms`));
    void worker.terminate();
  }, LOOK_MS);
  return new Promise((resolve) => {
    let isDone = false;
    worker.on('message', (message: Report) => {
      if (message.type === 'end') isDone = true;
      else note(message);
    });
    worker.on('error', (error) => blame(error));
    worker.on('exit', () => {
      clearInterval(watchdog);
      resolve(isDone);
    });
  });
}

/** A thread that knows TypeScript, as this one does. */
function startWorker(job: Job): Worker {
  const script = JSON.stringify(new URL('worker.ts', import.meta.url).href);
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${script}); })`;
  return new Worker(code, {
    eval: true,
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  });
}

/** The input at work hung, or something that nobody awaited failed. */
function blame(error: Error): void {
  const [index = 0, current = 0] = new Int32Array(present);
  const target = TARGETS[index];
  if (target === undefined) throw error;
  const input = target.make(new Dice(current >>> 0));
  const failure = failureOf(target, current >>> 0, input, error);
  report.failures.push({ ...failure, message: `${describe(error)}\n${error.stack ?? ''}` });
}

function note(message: Extract<Report, { type: 'stretch' }>): void {
  report.add(message);
  const { round, target, inputs, seconds: took, failure } = message;
  const rate = Math.round(inputs / took).toLocaleString('en');
  const outcome = failure === undefined ? '' : `  FAILED at seed ${failure.seed}`;
  process.stderr.write(`round ${round + 1}  ${target.padEnd(12)} ${rate.padStart(8)} inputs/s${outcome}\n`);
}
