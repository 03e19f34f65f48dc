import { catchError, map, type Observable, of, switchMap } from 'rxjs';

import { isCatFailure } from './cat-failure.js';
import { isFinished, type JobMeta } from './described-job.js';
import { FlareError, FlareStatus } from './flare-error.js';
import { type JobLogs, textFor } from './reported.js';

/** The log of a part of a job as it is. */
export interface JobText {
  /** `null` where there is none, or it cannot be had. */
  readonly text: string | null;
  /** Why; for people. */
  readonly obstacle: string | null;
  /** Whether the job has ended. */
  readonly isLast: boolean;
}

/** What is asked for it. */
export interface TextQuestions {
  getJobMeta(jobId: string): Observable<JobMeta>;
  getJobLogs(jobId: string, target: string): Observable<JobLogs>;
  catTarget(target: string, file: string): Observable<string>;
}

/**
 * Asks once for the log of a part of a job: the server for what it has, from 2.8 on, and else for the file itself, where it or
 * the site still has it. Emits why there is none; errors where the server is away.
 */
export function jobText(questions: TextQuestions, jobId: string, site: string): Observable<JobText> {
  return questions.getJobMeta(jobId).pipe(
    switchMap((meta) => {
      // What was logged before the end was seen is all.
      const isLast = isFinished(meta);
      return questions.getJobLogs(jobId, site).pipe(
        map(({ logs, unavailable }): Found => ({
          text: textFor(logs, site) ?? null,
          obstacle: textFor(unavailable, site) ?? null,
        })),
        catchError(obstacleOf),
        switchMap((kept) =>
          kept.text !== null ? of(kept) : fileText(questions, `${jobId}/log.txt`, site, kept.obstacle),
        ),
        map((found) => ({ isLast, ...found })),
      );
    }),
  );
}

/** What a file of a part of a job has; `cat` says in its output that there is none. */
function fileText(
  questions: TextQuestions,
  file: string,
  site: string,
  earlier: string | null,
): Observable<Found> {
  return questions.catTarget(site, file).pipe(
    map((text) =>
      isCatFailure(text, file) ? { text: null, obstacle: earlier ?? text.trim() } : { text, obstacle: null },
    ),
    catchError(obstacleOf),
  );
}

/** What was found; where the job has ended and it is not the last, that is said. */
type Found = Omit<JobText, 'isLast'> & Partial<Pick<JobText, 'isLast'>>;

/** Not of this server, not for this user, or not at this site: another time is as good. */
const LASTING: ReadonlySet<FlareStatus> = new Set<FlareStatus>([
  FlareStatus.NOT_SUPPORTED,
  FlareStatus.NOT_AUTHORIZED,
  FlareStatus.INVALID_TARGET,
  FlareStatus.SYNTAX_ERROR,
  FlareStatus.ERROR,
  FlareStatus.INTERNAL_ERROR,
  FlareStatus.NO_CLIENTS,
]);

function obstacleOf(error: unknown): Observable<Found> {
  if (error instanceof FlareError && LASTING.has(error.status))
    return of({ text: null, obstacle: error.message });
  // A site that does not answer now may do so later.
  if (error instanceof FlareError && error.status === FlareStatus.NO_REPLY)
    return of({ text: null, obstacle: error.message, isLast: false });
  throw error;
}
