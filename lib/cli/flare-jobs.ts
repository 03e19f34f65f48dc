import { EMPTY, map, mergeMap, of, switchMap } from 'rxjs';

import { wholeJobId } from './flare-job-id.js';
import { type FlareEvent, JOB_COLUMNS, jobOutput } from './flare-output.js';
import { type FlareOptions, withSession } from './flare-session.js';
import { Printer } from './printer.js';

/** The options of `rxflare flare jobs`. */
export interface JobsOptions extends FlareOptions {
  readonly limit: number;
  readonly name?: string;
}

/** `rxflare flare jobs`: the jobs of the study, the latest first. */
export async function jobsCommand(options: JobsOptions): Promise<void> {
  const { limit, name, json } = options;
  const printer = new Printer(json);
  const wanted = { limit, reverse: true, ...(name === undefined ? {} : { namePrefix: name }) };
  await withSession(options, printer, (session) =>
    session.listJobs(wanted).pipe(
      mergeMap((jobs) => {
        if (jobs.length === 0 && !json) return of({ event: 'notice', message: 'there are no jobs' } as const);
        printer.printTable(jobs.map(jobOutput), JOB_COLUMNS);
        return EMPTY;
      }),
    ),
  );
}

/** `rxflare flare abort`: ends a job. */
export async function abortCommand(given: string, options: FlareOptions): Promise<void> {
  await withSession(options, new Printer(options.json), (session) =>
    wholeJobId(session, given).pipe(
      switchMap((jobId) =>
        session
          .abortJob(jobId)
          .pipe(map((message): FlareEvent<'aborted'> => ({ event: 'aborted', jobId, message }))),
      ),
    ),
  );
}
