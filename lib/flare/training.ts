import {
  catchError,
  combineLatest,
  concat,
  defer,
  EMPTY,
  filter,
  from,
  map,
  mergeMap,
  type Observable,
  of,
  repeat,
  retry,
  scan,
  type SchedulerLike,
  startWith,
  switchMap,
  take,
  takeUntil,
  takeWhile,
  timer,
} from 'rxjs';

import type { Fault, TrainingReport } from './training-report.js';
import { isFinished, type JobMeta, offsetIn } from './described-job.js';
import { participantsOf } from './deployment-detail.js';
import { FlareError, FlareStatus } from './flare-error.js';
import type { JobText, TextQuestions } from './job-text.js';
import { growth, NOTHING_SEEN } from './log-growth.js';
import type { Facts } from './reported.js';
import { failureIn } from './training-failure.js';
import { type LoggedTraining, TrainingLog, UNNAMED_METRIC } from './training-log.js';
import { planIn, roundsInStats, type TrainingPlan } from './training-plan.js';

/** What is asked of a session about a training. */
export interface TrainingQuestions extends TextQuestions {
  tailTarget(target: string, file: string, options: string): Observable<string>;
  showStats(jobId: string, target: 'server'): Observable<Facts>;
}

/** A job, as far as its training is told from it. */
export interface TrainingJob {
  readonly jobId: string;
  readonly meta$: Observable<JobMeta>;
  /** The log of a part: now, and on each change, until the job has ended. */
  texts(site: string): Observable<JobText>;
}

/** Statistics are asked again after this long, then after twice as long, while nothing tells how many rounds there are. */
const STATS_MS = 5_000;
const MAX_STATS_MS = 60_000;

/** A file may be there a moment after the job has begun. */
const CONFIG_TRIES = 5;
const CONFIG_RETRY_MS = 2_000;

/** The most sites whose errors are fetched, once a job has failed. */
const MAX_SITES = 16;
const SITES_AT_A_TIME = 4;
const MAX_FAULTS = 100;

/** Of the log of errors; the name of 2.8 and later first. Source: `log_config.json` of `nvflare/fuel/utils`. */
const ERROR_LOGS = ['error_log.txt', 'log_error.txt'] as const;
const ERROR_LINES = '-n 200';

/** What can be told of the training of a job: now, and on each change. Completes when the job has ended. Cold. */
export function trainingReports(
  job: TrainingJob,
  questions: TrainingQuestions,
  scheduler: SchedulerLike,
): Observable<TrainingReport> {
  return defer(() =>
    combineLatest([
      job.meta$,
      loggedTraining(job),
      plan(job, questions, scheduler),
      siteFaults(job, questions),
    ]),
  ).pipe(
    map(([meta, { logged, obstacle }, planned, ofSites]) =>
      reportOf(meta, logged, obstacle, planned, ofSites),
    ),
  );
}

interface Read {
  readonly logged: LoggedTraining;
  readonly obstacle: string | null;
}

function loggedTraining(job: TrainingJob): Observable<Read> {
  return defer(() => {
    let log = new TrainingLog();
    let seen = NOTHING_SEEN;
    const read$ = job.texts('server').pipe(
      map(({ text, obstacle }): Read => {
        seen = growth(seen, text ?? '');
        if (seen.isAnew) log = new TrainingLog();
        log.add(seen.added);
        // What was read before the server put the log away is as good.
        return { logged: log.read(), obstacle: seen.length === 0 ? obstacle : seen.gap };
      }),
    );
    return read$.pipe(startWith({ logged: log.read(), obstacle: null }));
  });
}

const NO_PLAN: TrainingPlan = { rounds: null, metric: undefined };

/** How many rounds there will be, from the configuration of the app, or from statistics. */
function plan(
  { jobId, meta$ }: TrainingJob,
  questions: TrainingQuestions,
  scheduler: SchedulerLike,
): Observable<TrainingPlan> {
  const ended$ = meta$.pipe(filter(isFinished));
  const file = `${jobId}/app_server/config/config_fed_server.json`;
  const configured$ = questions.catTarget('server', file).pipe(
    map((text) => planIn(text) ?? absent(file)),
    retry({
      count: CONFIG_TRIES,
      delay: (error: unknown) => {
        if (isRefused(error)) throw error;
        return timer(CONFIG_RETRY_MS, scheduler);
      },
    }),
    catchError(() => of(NO_PLAN)),
  );
  const counted$ = questions.showStats(jobId, 'server').pipe(
    map((stats): Facts | undefined => stats),
    catchError((error: unknown) => (isRefused(error) ? of(undefined) : EMPTY)),
    repeat({
      delay: (count) => timer(Math.min(STATS_MS * 2 ** (count - 1), MAX_STATS_MS), scheduler),
    }),
    takeWhile((stats) => stats !== undefined),
    map(roundsInStats),
    filter((rounds) => rounds !== null),
    take(1),
  );
  const planned$ = meta$.pipe(
    filter(({ status }) => status === 'RUNNING'),
    take(1),
    switchMap(() => configured$),
    switchMap((planned) => {
      if (planned.rounds !== null) return of(planned);
      return concat(of(planned), counted$.pipe(map((rounds) => ({ ...planned, rounds }))));
    }),
    takeUntil(ended$),
  );
  return concat(of(NO_PLAN), planned$);
}

/** Whether asking again is in vain. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof FlareError)) return false;
  return error.status === FlareStatus.NOT_AUTHORIZED || error.status === FlareStatus.NOT_SUPPORTED;
}

function absent(file: string): never {
  throw new Error(`${file} is not there yet`);
}

/** What the sites of a job that failed have in their logs of errors. */
function siteFaults(
  { jobId, meta$ }: TrainingJob,
  questions: TrainingQuestions,
): Observable<readonly Fault[]> {
  const ofSite = (site: string): Observable<readonly Fault[]> => {
    const texts = ERROR_LOGS.map((name) =>
      questions.tailTarget(site, `${jobId}/${name}`, ERROR_LINES).pipe(catchError(() => EMPTY)),
    );
    return concat(...texts).pipe(
      filter((text) => !text.startsWith('tail: ')),
      take(1),
      map((text) => faultsIn(text, site)),
    );
  };
  return meta$.pipe(
    filter(
      (meta) =>
        isFinished(meta) && meta.status !== 'FINISHED:COMPLETED' && meta.status !== 'FINISHED:ABORTED',
    ),
    take(1),
    switchMap((meta) => from(participantsOf(meta).slice(0, MAX_SITES))),
    mergeMap(ofSite, SITES_AT_A_TIME),
    scan((all, more) => [...all, ...more].slice(0, MAX_FAULTS), [] as readonly Fault[]),
    startWith([]),
  );
}

function faultsIn(text: string, site: string): readonly Fault[] {
  const log = new TrainingLog();
  log.add(`${text}\n`);
  return log.read().faults.map((fault) => ({ ...fault, site }));
}

function reportOf(
  meta: JobMeta,
  { fatal, ...logged }: LoggedTraining,
  obstacle: string | null,
  { rounds, metric = UNNAMED_METRIC }: TrainingPlan,
  ofSites: readonly Fault[],
): TrainingReport {
  const named = (name: string): string =>
    name.startsWith(UNNAMED_METRIC) ? metric + name.slice(UNNAMED_METRIC.length) : name;
  const onClock = clockIn(meta);
  const isDone = logged.phase === 'finished' && meta.status === 'FINISHED:COMPLETED';
  const faults = [...logged.faults, ...ofSites].sort((one, other) => (one.at ?? 0) - (other.at ?? 0));
  return {
    ...logged,
    // A job that was aborted does not say so.
    phase: isFinished(meta) && logged.phase !== 'finished' ? null : logged.phase,
    obstacle,
    roundStartTime: onClock(logged.roundStartTime),
    rounds: rounds ?? (isDone ? logged.finishedRounds : null),
    metrics: logged.metrics.map((series) => ({ ...series, name: named(series.name) })),
    best: logged.best === null ? null : { ...logged.best, metric: named(logged.best.metric) },
    faults: faults.map((fault) => ({ ...fault, at: onClock(fault.at) })),
    failure: failureIn(meta, fatal, faults),
  };
}

/** Makes times of what was read as if the clock of the server showed UTC; `null` where its time zone is unknown. */
function clockIn({ raw }: JobMeta): (at: number | null) => number | null {
  const offset = offsetIn(raw);
  const aheadMs = offset === undefined ? Number.NaN : -Date.parse(`1970-01-01T00:00:00${offset}`);
  return (at) => (at === null || Number.isNaN(aheadMs) ? null : at - aheadMs);
}
