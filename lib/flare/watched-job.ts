import {
  catchError,
  distinctUntilChanged,
  filter,
  map,
  type Observable,
  of,
  scan,
  switchMap,
  takeWhile,
} from 'rxjs';

import type { TrainingReport } from './training-report.js';
import { isFinished, type JobMeta, type JobStatus } from './described-job.js';
import { FlareError, FlareStatus } from './flare-error.js';
import { type JobText, jobText } from './job-text.js';
import { growth, NOTHING_SEEN } from './log-growth.js';
import type { Polls } from './polled.js';
import { type TrainingQuestions, trainingReports } from './training.js';

/** What a watched job asks of its session. */
export interface JobQuestions extends TrainingQuestions {
  getJobLog(jobId: string, site?: string): Observable<string>;
}

/**
 * One job, as streams. Each asks while it is subscribed, once for all subscribers of the session, and completes when the job
 * has ended. They error as the methods of `FlareSession` do: with FlareError `invalid_job_id` where the server has no such job, for
 * example, and with that of the end of the session. While the server is away they wait.
 */
export class WatchedJob {
  readonly jobId: string;
  /** The description of the job: now, and on each change. */
  readonly meta$: Observable<JobMeta>;
  /** How far the job is: now, and on each change. */
  readonly status$: Observable<JobStatus>;
  /** The log of the server's part: what there is, then what is added. */
  readonly log$: Observable<string>;
  /**
   * How far the training is: rounds, metrics, what failed and where, as far as the job's log and configuration tell: now, and
   * on each change. What nothing tells is `null`.
   */
  readonly training$: Observable<TrainingReport>;
  readonly #questions: JobQuestions;
  readonly #polls: Polls;

  /** @internal */
  constructor(jobId: string, questions: JobQuestions, polls: Polls) {
    this.jobId = jobId;
    this.#questions = questions;
    this.#polls = polls;
    const meta$ = polls.of(`meta ${jobId}`, questions.getJobMeta(jobId));
    this.meta$ = meta$.pipe(takeWhile((meta) => !isFinished(meta), true));
    this.status$ = this.meta$.pipe(
      map(({ status }) => status),
      distinctUntilChanged(),
    );
    this.log$ = this.siteLog('server');
    this.training$ = polls.shared(`training ${jobId}`, trainingReports(this, questions, polls.scheduler));
  }

  /**
   * The log of a site's part: what there is, then what is added; nothing while there is none. From 2.8 on a site has to stream its
   * log to the server; for 2.7 see `FlareSession.getJobLogs`: there the server's part of a job that has ended already errors with
   * `not_supported`.
   */
  siteLog(site: string): Observable<string> {
    const question$ = this.#questions.getJobMeta(this.jobId).pipe(
      switchMap((meta) => {
        // What was logged before the end was seen is all.
        const isLast = isFinished(meta);
        return this.#questions.getJobLog(this.jobId, site).pipe(
          map((log): Look => ({ isLast, log })),
          catchError((error: unknown) => {
            if (isNotSupported(error)) return of<Look>({ isLast, log: '', moved: error });
            throw error;
          }),
        );
      }),
    );
    return this.#polls.of(`log ${this.jobId} ${site}`, question$).pipe(
      takeWhile(({ isLast }) => !isLast, true),
      scan((seen, { log, moved }) => {
        // Who has followed it to its end has seen it.
        if (moved !== undefined && seen.length === 0) throw moved;
        return growth(seen, log);
      }, NOTHING_SEEN),
      map(({ added }) => added),
      filter((added) => added !== ''),
    );
  }

  /**
   * The whole log of a part, on each change, or why there is none.
   *
   * @internal
   */
  texts(site: string): Observable<JobText> {
    const text$ = jobText(this.#questions, this.jobId, site);
    return this.#polls.of(`text ${this.jobId} ${site}`, text$).pipe(takeWhile(({ isLast }) => !isLast, true));
  }
}

/** What there is of a log. */
interface Look {
  readonly isLast: boolean;
  readonly log: string;
  /** It cannot be had, or not any more. */
  readonly moved?: FlareError;
}

function isNotSupported(error: unknown): error is FlareError {
  return error instanceof FlareError && error.status === FlareStatus.NOT_SUPPORTED;
}
