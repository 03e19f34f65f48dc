import {
  asyncScheduler,
  defer,
  EMPTY,
  lastValueFrom,
  NEVER,
  of,
  throwError,
  VirtualTimeScheduler,
} from 'rxjs';
import { describe, expect, it } from 'vitest';

import { jobIn, type JobMeta } from '../../lib/flare/described-job.js';
import { FlareError, FlareStatus } from '../../lib/flare/flare-error.js';
import { Polls } from '../../lib/flare/polled.js';
import { trainingReports } from '../../lib/flare/training.js';
import { type JobQuestions, WatchedJob } from '../../lib/flare/watched-job.js';

const meta: JobMeta = { jobId: 'j', name: 'n', status: 'RUNNING', deployDetail: [], raw: {} } as never;
const refused = throwError(() => new FlareError(FlareStatus.NOT_AUTHORIZED, 'no right'));

/** How often each thing was asked while three followed the training of a job for ten minutes. */
function asked(answers: Partial<JobQuestions>): Record<string, number> {
  const counts: Record<string, number> = { config: 0, stats: 0 };
  const counted = <T>(name: string, answer: T): T =>
    defer(() => {
      counts[name] = (counts[name] ?? 0) + 1;
      return answer as never;
    }) as T;
  const questions: JobQuestions = {
    getJobMeta: () => of(meta),
    getJobLogs: () => of({ logs: { server: 'x\n' }, unavailable: {} }),
    getJobLog: () => of(''),
    tailTarget: () => of(''),
    catTarget: (...args) => counted('config', answers.catTarget?.(...args) ?? of('{"workflows":[]}')),
    showStats: (...args) => counted('stats', answers.showStats?.(...args) ?? of({})),
  };
  const scheduler = new VirtualTimeScheduler(undefined, 600_000);
  const polls = new Polls({ pollMs: 100_000, idlePollMs: 100_000, scheduler }, NEVER);
  const following = [1, 2, 3].map(() => new WatchedJob('j', questions, polls).training$.subscribe());
  scheduler.flush();
  for (const each of following) each.unsubscribe();
  return counts;
}

describe('the training of a job', () => {
  it('is asked for once for all who follow it, and more and more seldom', () => {
    const { config, stats } = asked({});
    expect(config).toBe(1);
    expect(stats).toBeGreaterThan(5);
    expect(stats).toBeLessThan(20);
  });

  it('is not asked for again where the user has no right to it', () => {
    expect(asked({ catTarget: () => refused, showStats: () => refused })).toEqual({ config: 1, stats: 1 });
  });
});

const LINE = '2026-11-26 12:52:00,689 - FedAvg - INFO - ';

it.each([
  ['FINISHED:ABORTED', ['Round 0 started.'], null],
  ['FINISHED:COMPLETED', ['Round 0 started.', 'Finished FedAvg.'], 'finished'],
])('a job that has ended as %s trains no more', async (status, texts, phase) => {
  const meta = { jobId: 'j', status, deployDetail: [], raw: {} } as unknown as JobMeta;
  const text = texts.map((each) => `${LINE}${each}\n`).join('');
  const job = { jobId: 'j', meta$: of(meta), texts: () => of({ text, obstacle: null, isLast: true }) };
  const nothing = () => EMPTY;
  const questions = {
    getJobMeta: nothing,
    getJobLogs: nothing,
    catTarget: nothing,
    tailTarget: nothing,
    showStats: nothing,
  };
  expect(await lastValueFrom(trainingReports(job, questions, asyncScheduler))).toMatchObject({
    phase,
    round: 0,
  });
});

it.each([
  ['2026-11-26T12:00:00+05:30', Date.UTC(2026, 10, 26, 7, 22, 0, 689)],
  [undefined, null],
])('times of the log of a server that took the job at %s', async (iso, expected) => {
  const job_meta = {
    job_id: 'j',
    status: 'FINISHED:ABORTED',
    start_time: '2026-11-26 12:52:00.689000',
    submit_time_iso: iso,
  };
  const meta = jobIn({ data: [], meta: { job_meta } });
  const text = `${LINE}Round 0 started.\n${LINE.replace('INFO', 'ERROR')}broken\n`;
  const job = { jobId: 'j', meta$: of(meta), texts: () => of({ text, obstacle: null, isLast: true }) };
  const nothing = () => EMPTY;
  const questions = {
    getJobMeta: nothing,
    getJobLogs: nothing,
    catTarget: nothing,
    tailTarget: nothing,
    showStats: nothing,
  };
  const report = await lastValueFrom(trainingReports(job, questions, asyncScheduler));
  expect(report).toMatchObject({ roundStartTime: expected, faults: [{ at: expected }] });
  expect(meta.startTime?.getTime() ?? null).toBe(expected);
});
