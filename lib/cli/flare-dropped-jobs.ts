import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

import { fromEvent, map, type Observable, takeUntil } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { SubmissionLine } from '../flare/dashboard/index.js';
import { failureOf } from '../flare/dashboard/failure-of.js';
import { MAX_ENTRIES } from '../flare/job-folder.js';
import { FlareError, type FlareSession, FlareStatus, type JobInMemory } from '../flare/index.js';
import { countParts } from './count-parts.js';

/** The most that are taken at a time, since each is in memory. */
const MAX_AT_A_TIME = 2;

const HEADERS = { 'Cache-Control': 'no-store', 'Content-Type': 'application/x-ndjson; charset=utf-8' };

/** Takes the folders of jobs that are dropped on a page, and submits them. See `SubmissionLine` for how they come. */
export class DroppedJobs {
  readonly #session: FlareSession;
  readonly #maxBytes: number;
  readonly #isReadOnly: boolean;
  #open = 0;

  constructor(
    session: FlareSession,
    { maxBytes, isReadOnly }: { readonly maxBytes: number; readonly isReadOnly: boolean },
  ) {
    this.#session = session;
    this.#maxBytes = maxBytes;
    this.#isReadOnly = isReadOnly;
  }

  /**
   * Answers a request with progress, a line each.
   *
   * @param isGood - whether the page has a session
   */
  async answer(request: IncomingMessage, response: ServerResponse, isGood: boolean): Promise<void> {
    const refusal = this.#refusalOf(request, isGood);
    if (refusal !== undefined) {
      end(response, refusal.status, refusal.error);
      return;
    }
    this.#open += 1;
    try {
      const job = await readJobForm(request, this.#maxBytes);
      response.writeHead(200, HEADERS);
      await this.#submitted(job, response).forEach((line) => response.write(`${JSON.stringify(line)}\n`));
      response.end();
    } catch (error) {
      end(response, error instanceof TooLarge || error instanceof TooMany ? 413 : 400, error);
    } finally {
      this.#open -= 1;
    }
  }

  #submitted(job: JobInMemory, response: ServerResponse): Observable<SubmissionLine> {
    return this.#session.submitJobWithProgress(job).pipe(
      map((progress): SubmissionLine => {
        if (progress.type === 'submitted') return { type: 'submitted', jobId: progress.jobId };
        return { type: 'sending', sentBytes: progress.sentBytes, totalBytes: progress.totalBytes };
      }),
      takeUntil(fromEvent(response, 'close')),
    );
  }

  #refusalOf(
    { method, headers }: IncomingMessage,
    isGood: boolean,
  ): { readonly status: number; readonly error: CommError } | undefined {
    const { REFUSED, NOT_READY, NOT_SUPPORTED } = CommErrorCode;
    if (!isGood) return refuse(401, REFUSED, 'this page has no session: open a new link');
    if (method !== 'POST') return refuse(405, NOT_SUPPORTED, 'a job is submitted by POST');
    if (this.#isReadOnly)
      return refuse(403, REFUSED, 'this dashboard is read-only: start it without --read-only');
    if (Number(headers['content-length'] ?? 0) > this.#maxBytes)
      return { status: 413, error: new TooLarge(this.#maxBytes) };
    if (this.#open < MAX_AT_A_TIME) return undefined;
    return refuse(503, NOT_READY, `${MAX_AT_A_TIME} jobs are being submitted: try again when they are`);
  }
}

function refuse(status: number, code: CommErrorCode, text: string) {
  return { status, error: new CommError(code, text) };
}

class TooLarge extends FlareError {
  constructor(maxBytes: number) {
    const text = `the job is larger than the ${maxBytes} bytes that the dashboard takes: rxflare flare submit has no limit`;
    super(FlareStatus.INVALID_JOB, text);
  }
}

class TooMany extends FlareError {
  constructor() {
    super(FlareStatus.INVALID_JOB, `the job has more than ${MAX_ENTRIES} files`);
  }
}

/** The last line. What has begun keeps its HTTP status. */
function end(response: ServerResponse, status: number, error: unknown): void {
  const line: SubmissionLine = { type: 'failed', ...failureOf(error) };
  // The rest of the request is not read.
  if (!response.headersSent) response.writeHead(status, { ...HEADERS, Connection: 'close' });
  response.end(`${JSON.stringify(line)}\n`);
}

async function readJobForm(request: IncomingMessage, maxBytes: number): Promise<JobInMemory> {
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  const body = Readable.toWeb(
    Readable.from(bounded(request, maxBytes), { objectMode: false }),
  ) as ReadableStream;
  const form = await new Response(body, { headers }).formData().catch((error: unknown) => {
    const cause = error instanceof FlareError ? error : error instanceof Error ? error.cause : undefined;
    if (cause instanceof FlareError) throw cause;
    throw invalid('the request is no multipart/form-data with the files of a job');
  });
  const files = new Map<string, Uint8Array>();
  let name: string | undefined;
  for (const [path, file] of form) {
    const [folder = '', ...rest] = path.split('/');
    name ??= folder;
    if (folder !== name || rest.length === 0 || typeof file === 'string')
      throw invalid('expected the files of one folder, each named by its path with that folder');
    files.set(rest.join('/'), new Uint8Array(await file.arrayBuffer()));
  }
  if (name === undefined) throw invalid('the folder is empty');
  return { name, files: Object.fromEntries(files) };
}

async function* bounded(request: IncomingMessage, maxBytes: number): AsyncGenerator<Uint8Array> {
  const parts = countParts(request.headers['content-type'] ?? '');
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new TooLarge(maxBytes);
    // Parsing it blocks the process: too many small files would hold up all pages.
    if (parts(chunk) > MAX_ENTRIES) throw new TooMany();
    yield chunk;
  }
}

function invalid(text: string): FlareError {
  return new FlareError(FlareStatus.INVALID_JOB, text);
}
