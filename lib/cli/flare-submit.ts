import { catchError, concat, EMPTY, last, map, mergeMap, type Observable, of, switchMap } from 'rxjs';

import { isFinished, type JobMeta } from '../flare/described-job.js';
import { FlareError, type FlareSession, FlareStatus, type SubmitProgress } from '../flare/index.js';
import { showProgress } from './cells-progress.js';
import { wholeJobId } from './flare-job-id.js';
import { COMPLETED, type FlareEvent, type FlareOutput, jobOutput } from './flare-output.js';
import { type FlareOptions, withSession } from './flare-session.js';
import { Printer } from './printer.js';

/** The options of `rxflare flare submit`. */
export interface SubmitCommandOptions extends FlareOptions {
  readonly watch: boolean;
  readonly token?: string;
}

/** `rxflare flare submit`: submits a job, and with `--watch` follows it to its end. */
export async function submitCommand(folder: string, options: SubmitCommandOptions): Promise<void> {
  const { watch, token, json } = options;
  const printer = new Printer(json, { timed: watch });
  const submission = token === undefined ? {} : { submitToken: token };
  await withSession(options, printer, (session) =>
    session.submitJobWithProgress(folder, submission).pipe(
      map((progress) => ({ ...bytesOf(progress), progress })),
      showProgress,
      mergeMap(({ progress }): Observable<FlareOutput> => {
        if (progress.type === 'sending') {
          const { sentBytes: bytes, totalBytes: size } = progress;
          return json ? of({ event: 'progress', file: folder, bytes, size }) : EMPTY;
        }
        const { jobId, totalBytes: bytes } = progress;
        const submitted: FlareEvent<'submitted'> = { event: 'submitted', jobId, bytes };
        return concat(of(submitted), watch ? watched(session, jobId) : EMPTY);
      }),
    ),
  );
}

function bytesOf(progress: SubmitProgress): { readonly bytes: number; readonly size: number } {
  const size = progress.totalBytes;
  return { bytes: progress.type === 'sending' ? progress.sentBytes : size, size };
}

/** `rxflare flare watch`: follows a job to its end. */
export async function watchCommand(given: string, options: FlareOptions): Promise<void> {
  const printer = new Printer(options.json, { timed: true });
  await withSession(options, printer, (session) =>
    wholeJobId(session, given).pipe(switchMap((jobId) => watched(session, jobId))),
  );
}

/** A line on each change of the job. Errors with `job_failed`, and why, where its end is none of success. */
export function watched(session: FlareSession, jobId: string): Observable<FlareOutput> {
  return session.monitorJob(jobId).pipe(
    mergeMap((meta) => {
      const hasFailed = isFinished(meta) && meta.status !== COMPLETED;
      return concat(of(jobOutput(meta)), hasFailed ? failed(session, meta) : EMPTY);
    }),
  );
}

function failed(session: FlareSession, { jobId, status }: JobMeta): Observable<never> {
  const failure$ = session.job(jobId).training$.pipe(
    last(),
    map(({ failure }) => failure),
    // It is a help, and no more.
    catchError(() => of(null)),
  );
  return failure$.pipe(
    map((failure) => {
      const why =
        failure === null || failure.text === status
          ? ''
          : `, ${failure.text.replace(/\.$/, '').split('\n').join('; ')}`;
      const [site] = failure?.sites ?? [];
      const logs = `rxflare flare logs ${jobId}${site === undefined ? '' : ` --site ${site}`}`;
      throw new FlareError(
        FlareStatus.JOB_FAILED,
        `job ${jobId} has ended as ${status}${why}: ${logs} shows its log`,
      );
    }),
  );
}
