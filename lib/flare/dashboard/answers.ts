import { defer, map, type Observable, throwError } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { FlareSession } from '../session.js';
import { jobReports, jobsReport } from './job-report.js';
import { logParts } from './log-parts.js';
import type { FederationQuestion, ResultProgress } from './protocol.js';
import { sharedReports, systemReports } from './system-report.js';

/** What pages may do. */
export interface AnswerOptions {
  /** Whether they may only look. Default: false. */
  readonly isReadOnly?: boolean;
  /** The most that the files of a dropped job may have in all, in bytes. Default: pages are told that they can drop none. */
  readonly maxJobBytes?: number;
  /** Makes the link by which a page fetches the result of a job. Default: it cannot. */
  readonly download?: (jobId: string) => Observable<ResultProgress>;
}

/** How each question is answered. */
export function answersOf(
  session: FlareSession,
  { isReadOnly = false, maxJobBytes, download }: AnswerOptions,
): (question: FederationQuestion) => Observable<unknown> {
  const system$ = sharedReports(systemReports(session, { isReadOnly, maxJobBytes: maxJobBytes ?? null }));
  const jobs$ = sharedReports(session.detailedJobs$.pipe(map((metas) => jobsReport(metas))));
  const changing = (answer: () => Observable<unknown>): Observable<unknown> =>
    isReadOnly ? refused('this dashboard is read-only') : defer(answer);
  return (question) => {
    switch (question.ask) {
      case 'system':
        return system$;
      case 'jobs':
        return jobs$;
      case 'job':
        return jobReports(session, question.jobId);
      case 'log':
        return logParts(session.job(question.jobId).texts(question.site));
      case 'abort':
        return changing(() => session.abortJob(question.jobId).pipe(map((text) => ({ text }))));
      case 'clone':
        return changing(() => session.cloneJob(question.jobId).pipe(map((jobId) => ({ jobId }))));
      case 'delete':
        return changing(() => session.deleteJob(question.jobId).pipe(map(({ jobId }) => ({ jobId }))));
      case 'download':
        return download?.(question.jobId) ?? notSupported();
    }
  };
}

function refused(text: string): Observable<never> {
  return throwError(() => new CommError(CommErrorCode.REFUSED, text));
}

function notSupported(): Observable<never> {
  return throwError(
    () => new CommError(CommErrorCode.NOT_SUPPORTED, 'this back end makes no links for results'),
  );
}
