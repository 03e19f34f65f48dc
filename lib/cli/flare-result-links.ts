import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

import {
  asyncScheduler,
  defer,
  finalize,
  from,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  Subject,
  switchMap,
  takeUntil,
  throwError,
  timer,
} from 'rxjs';
import type * as yazl from 'yazl';

import { clockOf } from '../clock-of.js';
import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import type { ResultProgress } from '../flare/dashboard/index.js';
import type { FlareSession } from '../flare/index.js';
import { loadOptional } from '../flare/load-optional.js';
import { logger } from '../log.js';
import { Secrets } from './secrets.js';

const log = logger('flare');

/** The most results that are on the disk at a time. */
const MAX_AT_A_TIME = 4;

/** A page fetches at once what is ready. */
const LIFETIME_MS = 5 * 60_000;

/** What makes zip files. */
type Zip = Pick<typeof yazl, 'ZipFile'>;

/** What {@link ResultLinks} works with; tests have others. */
export interface ResultLinksParts {
  readonly loadZip: () => Promise<Zip>;
  readonly scheduler: SchedulerLike;
}

const PARTS: ResultLinksParts = {
  loadZip: () => loadOptional('yazl', () => import('yazl')),
  scheduler: asyncScheduler,
};

/** A result that is fetched, or was. */
interface Result {
  readonly jobId: string;
  /** What it is fetched to. */
  readonly folder: string;
  readonly zip: Zip;
  /** Emits when the page begins to read it, and completes when it has it. */
  readonly taken: Subject<void>;
  /** Each resolves when it touches no file of the folder any more. */
  readonly uses: Promise<void>[];
}

/** A result that a page can read. */
interface Ready {
  readonly result: Result;
  readonly fileName: string;
  readonly folder: string;
}

/**
 * Fetches results for pages, each to a folder that goes with the question, and makes a link for each that is good once: a
 * browser sends no header for what it saves.
 */
export class ResultLinks {
  readonly #session: Pick<FlareSession, 'fetchJobResult'>;
  readonly #parts: ResultLinksParts;
  readonly #tickets: Secrets;
  readonly #ready = new Map<string, Ready>();
  readonly #removals = new Set<Promise<void>>();
  #open = 0;

  constructor(session: Pick<FlareSession, 'fetchJobResult'>, parts: Partial<ResultLinksParts> = {}) {
    this.#session = session;
    this.#parts = { ...PARTS, ...parts };
    this.#tickets = new Secrets(MAX_AT_A_TIME, LIFETIME_MS, clockOf(this.#parts.scheduler));
  }

  /**
   * Fetches a result, and emits its link; completes when that was used. Unsubscribing removes the result.
   *
   * Errors with CommError `NOT_READY` where too many are fetched, `NOT_SUPPORTED` without the package `yazl`, `TIMEOUT` where
   * nobody uses the link for 5 minutes, `ERROR` where the disk fails; and as the session does.
   */
  open(jobId: string): Observable<ResultProgress> {
    return defer(() => {
      if (this.#open >= MAX_AT_A_TIME) return throwError(() => tooMany());
      this.#open += 1;
      const made = this.#made(jobId);
      return from(made).pipe(
        switchMap((result) => this.#fetched(result)),
        finalize(() => this.#remove(made)),
      );
    });
  }

  /** Answers the request for a link, with the result as a zip. */
  async answer(ticket: string, response: ServerResponse): Promise<void> {
    if (response.req.method !== 'GET') {
      response.writeHead(405, { Allow: 'GET' }).end();
      return;
    }
    const ready = this.#ready.get(ticket);
    if (ready === undefined || !this.#tickets.redeem(ticket)) {
      response.writeHead(404, { 'Cache-Control': 'no-store' }).end();
      return;
    }
    const { taken, uses } = ready.result;
    const sent = sendZip(ready, response);
    uses.push(sent);
    taken.next();
    await sent;
    taken.complete();
  }

  /** Resolves when no result is on the disk any more that nobody waits for. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals);
  }

  async #made(jobId: string): Promise<Result> {
    const zip = await this.#parts.loadZip();
    const folder = await mkdtemp(join(tmpdir(), 'rxflare-result-')).catch((error: unknown) => {
      throw CommError.from(error, 'a folder for the result cannot be made', CommErrorCode.ERROR);
    });
    return { jobId, folder, zip, taken: new Subject(), uses: [] };
  }

  #fetched(result: Result): Observable<ResultProgress> {
    const { jobId, folder, uses } = result;
    return defer(() => {
      let settled = (): void => undefined;
      uses.push(new Promise((resolve) => (settled = resolve)));
      return this.#session.fetchJobResult(jobId, folder, settled);
    }).pipe(
      switchMap((progress): Observable<ResultProgress> => {
        if (progress.type === 'downloaded') return this.#offered(result, progress.folder);
        return of({ type: 'receiving', receivedBytes: progress.receivedBytes });
      }),
    );
  }

  /** Its link, which is good for a while, and once. */
  #offered(result: Result, folder: string): Observable<ResultProgress> {
    return defer(() => {
      const ticket = this.#tickets.issue();
      const fileName = `${result.jobId.replace(/[^\w.-]/g, '_')}.zip`;
      this.#ready.set(ticket, { result, fileName, folder });
      const unused$ = timer(LIFETIME_MS, this.#parts.scheduler).pipe(
        map((): never => {
          throw unused();
        }),
        takeUntil(result.taken),
      );
      const link: ResultProgress = { type: 'ready', path: `results/${ticket}`, fileName };
      return merge(of(link), unused$, result.taken.pipe(ignoreElements())).pipe(
        finalize(() => this.#ready.delete(ticket)),
      );
    });
  }

  #remove(made: Promise<Result>): void {
    const removal = removed(made).finally(() => {
      this.#open -= 1;
      this.#removals.delete(removal);
    });
    this.#removals.add(removal);
  }
}

/** Resolves when the files of a result are gone, or cannot be removed. */
async function removed(made: Promise<Result>): Promise<void> {
  const result = await made.catch(() => undefined);
  if (result === undefined) return;
  await Promise.all(result.uses);
  await rm(result.folder, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) =>
    log('a result stays on the disk: %s', messageOf(error)),
  );
}

function tooMany(): CommError {
  const text = `${MAX_AT_A_TIME} results are being fetched: try again when they are`;
  return new CommError(CommErrorCode.NOT_READY, text);
}

function unused(): CommError {
  const text = 'the result was not saved within 5 minutes, and is removed: fetch it again';
  return new CommError(CommErrorCode.TIMEOUT, text);
}

/** Ends the response early where the zip cannot be made: a browser shows that as a failed download. */
async function sendZip({ result, fileName, folder }: Ready, response: ServerResponse): Promise<void> {
  try {
    const zip = new result.zip.ZipFile();
    zip.once('error', (error: Error) => response.destroy(error));
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) zip.addFile(path, relative(folder, path).split(sep).join('/'));
    }
    zip.end();
    response.writeHead(200, {
      'Cache-Control': 'no-store',
      'Content-Type': 'application/zip',
      'Content-Disposition': `attachment; filename="${fileName}"`,
    });
    await pipeline(zip.outputStream, response);
  } catch {
    response.destroy();
  }
}
