import {
  concat,
  defer,
  EMPTY,
  endWith,
  from,
  map,
  mergeMap,
  type Observable,
  of,
  scan,
  switchMap,
} from 'rxjs';

import { participantsOf } from '../flare/deployment-detail.js';
import type { JobMeta } from '../flare/described-job.js';
import { FlareError, type FlareSession, FlareStatus } from '../flare/index.js';
import { type JobText, jobText } from '../flare/job-text.js';
import { growth, NOTHING_SEEN } from '../flare/log-growth.js';
import { wholeJobId } from './flare-job-id.js';
import { type FlareOptions, withSession } from './flare-session.js';
import { type Output, Printer } from './printer.js';

/** The options of `rxflare flare logs`. */
export interface LogsOptions extends FlareOptions {
  readonly site: string;
  readonly follow: boolean;
}

/** `rxflare flare logs`: the log of a job, line by line. */
export async function logsCommand(given: string, options: LogsOptions): Promise<void> {
  await withSession(options, new Printer(options.json), (session) =>
    wholeJobId(session, given).pipe(switchMap((jobId) => logsOf(session, jobId, options))),
  );
}

/**
 * The lines of the log of a part of a job, or of `all`: what the server has of it, or else the part itself. Errors with
 * FlareError `invalid_target` where the job has no such part, and `error` where that has no log; of `all` a notice says so.
 */
export function logsOf(
  session: FlareSession,
  jobId: string,
  { site, follow }: Pick<LogsOptions, 'site' | 'follow'>,
): Observable<Output> {
  const textOf = (part: string): Observable<JobText> =>
    follow ? session.job(jobId).texts(part) : jobText(session, jobId, part);
  return session.getJobMeta(jobId).pipe(
    switchMap((meta) => from(partsOf(meta, site))),
    mergeMap((part) => added(textOf(part), part, site === 'all'), follow ? Infinity : 1),
  );
}

function partsOf(meta: JobMeta, site: string): readonly string[] {
  const parts = ['server', ...participantsOf(meta)];
  if (site === 'all') return parts;
  // Before it is deployed nobody knows where it will run.
  if (meta.deployDetail.length === 0 || parts.includes(site)) return [site];
  const text = `job ${meta.jobId} has no part at ${site}, only at ${parts.join(', ')}`;
  throw new FlareError(FlareStatus.INVALID_TARGET, text);
}

function added(text$: Observable<JobText>, site: string, isOneOfAll: boolean): Observable<Output> {
  return defer(() => {
    let seen = NOTHING_SEEN;
    let isThere = false;
    let obstacle: string | null = null;
    const line$ = text$.pipe(
      map((look) => {
        seen = growth(seen, look.text ?? '');
        isThere ||= look.text !== null;
        ({ obstacle } = look);
        return seen.added;
      }),
      lines(),
      map((text): Output => ({ event: 'log', site, text })),
    );
    return concat(
      line$,
      defer(() => {
        if (isThere) return EMPTY;
        const message = `there is no log of ${site}: ${obstacle ?? 'it is not there yet'}`;
        if (isOneOfAll) return of<Output>({ event: 'notice', message });
        throw new FlareError(FlareStatus.ERROR, message);
      }),
    );
  });
}

/** The lines of a text that comes in parts. The last may have no end. */
export function lines(): (part$: Observable<string>) => Observable<string> {
  return (part$) =>
    part$.pipe(
      map((part): string | undefined => part),
      endWith(undefined),
      scan<string | undefined, { readonly rest: string; readonly whole: readonly string[] }>(
        ({ rest }, part) => {
          if (part === undefined) return { rest: '', whole: rest === '' ? [] : [rest] };
          const whole = (rest + part).split(/\r?\n/);
          return { rest: whole.pop() ?? '', whole };
        },
        { rest: '', whole: [] },
      ),
      mergeMap(({ whole }) => from(whole)),
    );
}
