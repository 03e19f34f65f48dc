import { map, type Observable, of } from 'rxjs';

import { FlareError, type FlareSession, FlareStatus } from '../flare/index.js';

/** `str(uuid.uuid4())`. Source: `SimpleJobDefManager.create` of `nvflare/app_common/job_managers`. */
const ID_LENGTH = 36;

/**
 * The ID of the one job of the study whose ID begins so. What no ID begins with is left for the server to refuse.
 *
 * Errors with FlareError `bad_argument` where several do.
 */
export function wholeJobId(session: FlareSession, given: string): Observable<string> {
  if (given.length >= ID_LENGTH || given === '') return of(given);
  return session.listJobs({ idPrefix: given }).pipe(
    map((jobs) => {
      if (jobs.length <= 1) return jobs[0]?.jobId ?? given;
      const [first, second] = jobs.map(({ jobId }) => jobId);
      const text = `${jobs.length} jobs have IDs that begin with ${given}, such as ${first} and ${second}: give more of it`;
      throw new FlareError(FlareStatus.BAD_ARGUMENT, text);
    }),
  );
}
