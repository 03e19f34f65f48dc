import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { TrainingLog } from '../../lib/flare/training-log.js';
import { MAX_POINTS, MAX_SERIES, TrainingSeries } from '../../lib/flare/training-series.js';

/** Lines of the logs of real jobs, by the version of NVFlare that wrote them. */
function real(name: string): string {
  return readFileSync(fileURLToPath(new URL(`logs/${name}.txt`, import.meta.url)), 'utf8');
}

function read(...parts: readonly string[]) {
  const log = new TrainingLog();
  for (const part of parts) log.add(part);
  return log.read();
}

const line = (text: string, level = 'INFO', at = '12:00:00,000'): string =>
  `2026-11-26 ${at} - FedAvg - ${level} - [identity=p, run=j, peer=site-9, peer_run=j] - ${text}\n`;

describe('the log of a training', () => {
  it('of several workflows has all their rounds, and series of their own', () => {
    const rounds = [0, 1].flatMap((round) => [
      line(`Round ${round} started.`),
      line('validation metric 0.5 from client site-1'),
      line(`Round ${round} finished.`),
    ]);
    const workflow = [line(`Workflow w (<class 'a.ScatterAndGather'>) started`), ...rounds];
    const { metrics, finishedRounds } = read(...workflow, ...workflow);
    expect(finishedRounds).toBe(4);
    expect(metrics.map(({ name, points }) => [name, points.map(([x]) => x)])).toEqual([
      ['validation metric', [0, 1]],
      ['validation metric (2)', [0, 1]],
    ]);
    const short = workflow.filter((each) => !each.includes('Round 1'));
    expect(read(...short, ...short).finishedRounds).toBe(2);
  });

  it('of FedAvg in 2.9 has its rounds, the metric of each site, and the best', () => {
    const { metrics, ...told } = read(real('2.9.0-fedavg'));
    expect(told).toMatchObject({
      workflow: 'FedAvg',
      phase: 'finished',
      round: 3,
      finishedRounds: 4,
      updates: { received: 2, expected: 2 },
      best: { metric: 'validation metric', value: 0.8, round: 3 },
      faults: [],
      fatal: null,
    });
    expect(told.roundStartTime).toBe(Date.UTC(2026, 10, 26, 12, 52, 10, 252));
    expect(told.meanRoundMs).toBe(Math.round((2_013 + 3_400 + 4_135 + 4_044) / 4));
    const rounds = [
      [1, 0.6],
      [2, 0.7],
      [3, 0.8],
    ];
    expect(metrics).toEqual(
      [null, 'site-1', 'site-2'].map((site) => ({
        site,
        name: 'validation metric',
        axis: 'round',
        points: rounds,
      })),
    );
  });

  it('of ScatterAndGather in 2.7 has its rounds and contributions', () => {
    expect(read(real('2.7.2-scatter-and-gather'))).toMatchObject({
      workflow: 'ScatterAndGather',
      phase: 'finished',
      round: 2,
      finishedRounds: 3,
      updates: { received: 2, expected: null },
    });
  });

  it('of a job that failed in 2.8 says why the server gave up, and of which site the result was', () => {
    const { fatal, faults, round, finishedRounds } = read(real('2.8.0-fedavg-failed'));
    expect({ round, finishedRounds }).toEqual({ round: 1, finishedRounds: 1 });
    expect(fatal?.site).toBe('site-2');
    expect(fatal?.text).toMatch(/^Result from site-2 is bad, error code: TASK_ABORTED\. Cannot reach/);
    expect(faults.map(({ site }) => site)).toEqual(['site-2', 'server', 'site-2']);
    // The last line of a traceback stands for all of it.
    expect(faults[1]?.text).toBe(
      'ValueError: the shareable is not a valid DXO - expect content_type DXO but got None',
    );
  });

  it('is told by single characters as by all at once', () => {
    for (const name of [
      '2.9.0-fedavg',
      '2.8.0-fedavg-failed',
      '2.7.2-scatter-and-gather',
      '2.9.0-site-errors',
    ])
      expect(read(...Array.from(real(name)))).toEqual(read(real(name)));
  });

  it('has the phases of a round', () => {
    const phase = (...texts: string[]) => read(...texts.map((text) => line(text))).phase;
    expect(phase("Workflow w (<class 'a.b.FedAvg'>) started")).toBe('starting');
    expect(phase('Round 0 started.')).toBe('training');
    expect(phase('Round 0 started.', 'aggregating 2 update(s) at round 0')).toBe('aggregating');
    expect(phase('Round 0 started.', 'Start aggregation.', 'Start persist model on server.')).toBe('saving');
    expect(phase("Beginning model validation with clients: ['a'].")).toBe('validating');
    expect(phase('Nothing of interest')).toBe(null);
  });

  it('has the global metrics of a job that stops by them, and nothing that is no number', () => {
    const text =
      "Round 4 global metrics: {'accuracy': np.float64(0.75), 'loss': 1e-3, 'bad': nan, 'kind': 'x'}";
    const { metrics } = read(line(text), line('validation metric nan from client site-1'));
    expect(metrics.map(({ name, points }) => [name, points])).toEqual([
      ['accuracy', [[4, 0.75]]],
      ['loss', [[4, 0.001]]],
    ]);
  });

  it('waits for the end of its last line', () => {
    expect(read(line('Round 5 started.').trimEnd()).round).toBe(null);
    expect(read(line('Round 5 started.').trimEnd(), '\n').round).toBe(5);
  });

  it('holds little, however long its lines are and however many', () => {
    const log = new TrainingLog();
    log.add('x'.repeat(10_000_000));
    log.add('y'.repeat(10_000_000));
    log.add(`\n${line('Round 1 started.')}`);
    for (let index = 0; index < 20_000; index += 1) {
      log.add(line(`error ${index} ${'z'.repeat(5_000)}`, 'ERROR'));
      log.add(`more ${'z'.repeat(5_000)}\n`);
      log.add(line(`validation metric 0.5 from client site-${index}`));
      log.add(line(`Round ${index} global metrics: {'m${index}': 0.5}`));
    }
    const told = log.read();
    expect(told.faults).toHaveLength(50);
    expect(told.omittedFaults).toBe(19_950);
    expect(told.metrics).toHaveLength(MAX_SERIES);
    expect(told.omittedSeries).toBe(MAX_SERIES);
    expect(JSON.stringify(told).length).toBeLessThan(150_000);
  });

  it.each([
    ['brackets that never end', `2026-11-26 12:00:00,000 - a - INFO - [identity=${'['.repeat(8_000)}`],
    [
      'a class that never ends',
      `2026-11-26 12:00:00,000 - a - INFO - Workflow w (<class '${'a.'.repeat(4_000)}`,
    ],
    ['quotes that never end', line(`Round 1 global metrics: {${"'a': ".repeat(1_600)}}`)],
    ['a capital letter without a colon', line('A'.repeat(8_000), 'ERROR')],
  ])('is read at once with %s', (_, hostile) => {
    // A pattern that tries all ways would take minutes.
    expect(read(`${hostile}\n`.repeat(20)).metrics).toEqual([]);
  });
});

describe('a series of a metric', () => {
  it('gets coarser where it is long, and keeps its span', () => {
    const series = new TrainingSeries();
    for (let round = 0; round < 100_000; round += 1) series.add('site-1', 'loss', round, round);
    const [{ points } = { points: [] }] = series.all();
    expect(points.length).toBeGreaterThan(MAX_POINTS / 4);
    expect(points.length).toBeLessThanOrEqual(MAX_POINTS);
    expect(points[0]).toEqual([0, 0]);
    expect(points.at(-1)?.[0]).toBeGreaterThan(99_000);
    const steps = new Set(points.slice(1).map(([x], index) => x - (points[index]?.[0] ?? 0)));
    expect(steps.size).toBe(1);
  });

  it('has one point a round, the last', () => {
    const series = new TrainingSeries();
    series.add(null, 'loss', 1, 3);
    series.add(null, 'loss', 1, 2);
    expect(series.all()).toEqual([{ site: null, name: 'loss', axis: 'round', points: [[1, 2]] }]);
  });
});
