import { catchError, forkJoin, map, mergeMap, type Observable, of, switchMap } from 'rxjs';

import { isCatFailure } from './cat-failure.js';
import { badArgument } from './command-line.js';
import { isFinished, type JobMeta } from './described-job.js';
import { FlareError, FlareStatus } from './flare-error.js';
import type { JobLogs } from './reported.js';
import { isSafePath } from './safe-path.js';
import type { ClientInfo } from './system-info.js';

/** What the logs of a job are read by. */
export interface LogQuestions {
  readonly user: string;
  readonly serverVersion: string;
  catTarget(target: string, file: string): Observable<string>;
  getJobMeta(jobId: string): Observable<JobMeta>;
  getConnectedClientList(): Observable<readonly ClientInfo[]>;
}

/**
 * The logs of a job at a server that has no `get_job_log`, by `cat` of `log.txt` in the folder of the job, at the server or at a
 * site. Source: `get_app_log_file_path` of `nvflare/apis/workspace.py`.
 *
 * Errors with FlareError `not_supported` where the role of the user may not read files, and for the server's part of a job that has
 * ended, which moves to the result; for `all` that is in `unavailable`.
 */
export function logsByShell(session: LogQuestions, jobId: string, target: string): Observable<JobLogs> {
  if (!isSafePath(jobId) || jobId.includes('/')) throw badArgument(`${JSON.stringify(jobId)} is no job ID`);
  if (target !== 'all') return logOf(session, jobId, target);
  return session.getConnectedClientList().pipe(
    map((clients) => ['server', ...clients.map(({ name }) => name)]),
    switchMap((sites) => forkJoin(sites.map((site) => logOf(session, jobId, site).pipe(unavailable(site))))),
    map((all) => ({
      logs: Object.assign({}, ...all.map(({ logs }) => logs)) as JobLogs['logs'],
      unavailable: Object.assign({}, ...all.map((each) => each.unavailable)) as JobLogs['unavailable'],
    })),
  );
}

function logOf(session: LogQuestions, jobId: string, site: string): Observable<JobLogs> {
  const file = `${jobId}/log.txt`;
  return session.catTarget(site, file).pipe(
    catchError((error: unknown) => {
      if (!(error instanceof FlareError) || error.status !== FlareStatus.NOT_AUTHORIZED) throw error;
      throw notSupported(session, `and ${session.user} may not read its files`, error);
    }),
    mergeMap((text) => {
      if (!isCatFailure(text, file)) return of({ logs: { [site]: text }, unavailable: {} });
      return session.getJobMeta(jobId).pipe(map((meta) => missing(session, meta, site)));
    }),
  );
}

/** @throws FlareError `not_supported` where it will not be there any more */
function missing(session: LogQuestions, meta: JobMeta, site: string): JobLogs {
  if (site === 'server' && isFinished(meta))
    throw notSupported(session, 'which moves the log of a job that has ended to its result: download it');
  return { logs: {}, unavailable: { [site]: 'there is no log yet' } };
}

function notSupported({ serverVersion }: LogQuestions, why: string, cause?: FlareError): FlareError {
  const text = `the server has no get_job_log: it is of NVFlare ${serverVersion}, ${why}`;
  return new FlareError(FlareStatus.NOT_SUPPORTED, text, { cause, reason: cause?.reason });
}

function unavailable(site: string) {
  return catchError<JobLogs, Observable<JobLogs>>((error: unknown) => {
    if (error instanceof FlareError && PASSED.has(error.status))
      return of({ logs: {}, unavailable: { [site]: error.message } });
    throw error;
  });
}

/** What one part of a job says for itself. */
const PASSED: ReadonlySet<string> = new Set([
  FlareStatus.NOT_SUPPORTED,
  FlareStatus.NO_REPLY,
  FlareStatus.INTERNAL_ERROR,
  FlareStatus.INVALID_TARGET,
]);
