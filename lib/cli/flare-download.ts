import { EMPTY, map, mergeMap, type Observable, of, switchMap } from 'rxjs';

import type { DownloadProgress } from '../flare/index.js';
import { showProgress } from './cells-progress.js';
import { wholeJobId } from './flare-job-id.js';
import type { FlareOutput } from './flare-output.js';
import { type FlareOptions, withSession } from './flare-session.js';
import { Printer } from './printer.js';

/** The options of `rxflare flare download`. */
export interface DownloadCommandOptions extends FlareOptions {
  readonly maxSize: number;
}

/** `rxflare flare download`: downloads the result of a job to a folder, and prints its path. */
export async function downloadCommand(
  given: string,
  destination: string,
  options: DownloadCommandOptions,
): Promise<void> {
  const { maxSize: maxBytes, json } = options;
  await withSession(options, new Printer(json), (session) =>
    wholeJobId(session, given).pipe(
      switchMap((jobId) =>
        session
          .downloadJobResultWithProgress(jobId, destination, { maxBytes })
          .pipe(map((progress) => ({ bytes: bytesOf(progress), size: undefined, progress, jobId }))),
      ),
      showProgress,
      mergeMap(({ progress, jobId }): Observable<FlareOutput> => {
        if (progress.type === 'downloaded')
          return of({ event: 'downloaded', jobId, folder: progress.folder });
        const { file, receivedBytes: bytes } = progress;
        return json ? of({ event: 'progress', file, bytes, size: null }) : EMPTY;
      }),
    ),
  );
}

function bytesOf(progress: DownloadProgress): number {
  return progress.type === 'receiving' ? progress.receivedBytes : 0;
}
