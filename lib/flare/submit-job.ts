import { randomUUID } from 'node:crypto';
import { mkdtemp, open, type FileHandle, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Observable } from 'rxjs';

import { messageOf } from '../comm-error.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import { requireOptions } from '../require-options.js';
import { badArgument, commandLine } from './command-line.js';
import { parseReply, refusalOf } from './command-reply.js';
import { FlareError, FlareStatus } from './flare-error.js';
import { inSteps, type Steps } from './in-steps.js';
import { packJob } from './job-archive.js';
import { type JobFolder, type JobSource, readJob } from './job-folder.js';
import { ATTEMPTS, backAgain, isInterruption, type TransferSession } from './job-transfer.js';
import { newJobId } from './reported.js';
import { type ChunkAnswer, sendAbort, sendChunk, type Upload } from './upload-chunk.js';

/** How a job is submitted. */
export interface SubmitOptions {
  /**
   * What makes a submission one: a job that is submitted again with the same token, by the same user to the same study, is
   * the job that is there, and another job is refused with `submit_token_conflict`. From 2.8 on. Default: a new one, which
   * makes that an interrupted submission can be repeated within this call; none for 2.7, and for jobs with a file of more
   * than 10 MiB, which NVFlare takes with no token.
   */
  readonly submitToken?: string;
  /** Bytes of one message: an integer of 1 to 67,108,864 (64 MiB). Default: 1 MiB. */
  readonly chunkBytes?: number;
  /** How long the server may be away meanwhile, in milliseconds: 1 to 2,147,483,647 (24 days). Default: 60,000. */
  readonly patienceMs?: number;
}

/** The default of every option that has one. */
export const SUBMIT_DEFAULTS = { submitToken: '', chunkBytes: 1024 * 1024, patienceMs: 60_000 };

/** How far a submission is. */
export type SubmitProgress =
  | { readonly type: 'sending'; readonly sentBytes: number; readonly totalBytes: number }
  | { readonly type: 'submitted'; readonly jobId: string; readonly totalBytes: number };

/** Source: `validate_submit_token` of `nvflare/apis/utils/job_submit_token.py`. */
const TOKEN = /^[A-Za-z0-9._:-]{1,128}$/;

/** A server refuses a token with larger files. Source: `_MAX_HASH_ZIP_MEMBER_SIZE` of the same file. */
const MAX_TOKEN_FILE_BYTES = 10 * 1024 * 1024;

/**
 * Signs a job, packs it and sends it. Cold; emits how much has arrived, and at last the ID of the job. An interrupted submission
 * begins anew when the server is back, where that cannot make a second job. Unsubscribing gives up.
 *
 * Errors with FlareError `invalid_job_def` where the job cannot work, before it is sent or as the server says; `interrupted`
 * where the server went, and the message says whether the job may be there; `not_supported` for a token and 2.7; CommError
 * `BAD_CONFIG` for an option or a file that cannot be read.
 */
export function submitJob(
  session: TransferSession,
  source: JobSource,
  given: SubmitOptions = {},
): Observable<SubmitProgress> {
  return inSteps(async (steps) => {
    const options = resolved(given);
    const job = await readJob(source);
    const token = tokenFor(session, job, given.submitToken);
    const folder = await mkdtemp(join(tmpdir(), 'rxflare-job-'));
    try {
      const path = join(folder, 'job.zip');
      const totalBytes = await packJob(job, session.identity, path);
      const file = await open(path);
      try {
        const words = ['submit_job', job.name, ...(token === undefined ? [] : ['--submit-token', token])];
        const packed = {
          file,
          totalBytes,
          name: job.name,
          line: commandLine(words),
          canRepeat: token !== undefined,
        };
        const jobId = await sent(session, packed, options, steps);
        steps.emit({ type: 'submitted', jobId, totalBytes });
      } finally {
        await file.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

function resolved(given: SubmitOptions): Required<SubmitOptions> {
  const ranges = { chunkBytes: [1, 64 * 1024 * 1024, 'integer'], patienceMs: [1, LONGEST_TIMER_MS] } as const;
  requireOptions(given, SUBMIT_DEFAULTS, 'a submission', ranges);
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...SUBMIT_DEFAULTS, ...(Object.fromEntries(defined) as SubmitOptions) };
}

function tokenFor({ serverVersion }: TransferSession, job: JobFolder, token?: string): string | undefined {
  const hasTokens = !serverVersion.startsWith('2.7');
  const large = largestFile(job);
  if (token === undefined) return hasTokens && large <= MAX_TOKEN_FILE_BYTES ? randomUUID() : undefined;
  if (!TOKEN.test(token))
    throw badArgument('expected a submit token of 1 to 128 letters, digits, ".", "_", ":", "-"');
  if (!hasTokens)
    throw new FlareError(FlareStatus.NOT_SUPPORTED, 'the server has no submit tokens: it is of NVFlare 2.7');
  if (large <= MAX_TOKEN_FILE_BYTES) return token;
  const text = `job ${job.name} has a file of ${large} bytes: with a submit token NVFlare takes 10 MiB at most`;
  throw new FlareError(FlareStatus.INVALID_JOB, text);
}

function largestFile({ files, folders }: JobFolder): number {
  return Math.max(0, ...files.map(({ size }) => size), ...folders.map(largestFile));
}

/** A job that is ready to be sent. */
interface Packed {
  readonly file: FileHandle;
  readonly totalBytes: number;
  readonly name: string;
  readonly line: string;
  /** A second submission is the first. */
  readonly canRepeat: boolean;
}

async function sent(
  session: TransferSession,
  packed: Packed,
  options: Required<SubmitOptions>,
  steps: Steps<SubmitProgress>,
): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const progress = { isComplete: false };
    try {
      return await sentOnce(session, packed, options.chunkBytes, steps, progress);
    } catch (error) {
      const isLast = attempt === ATTEMPTS || (progress.isComplete && !packed.canRepeat);
      if (!isInterruption(error) && !(error instanceof LostUpload)) throw error;
      if (isLast) throw interrupted(packed, progress.isComplete, error);
      await steps.first(backAgain(session, options.patienceMs));
    }
  }
}

/** The server does not know the upload any more: it has been restarted. */
class LostUpload extends Error {}

async function sentOnce(
  session: TransferSession,
  { file, totalBytes, line }: Packed,
  chunkBytes: number,
  steps: Steps<SubmitProgress>,
  progress: { isComplete: boolean },
): Promise<string> {
  // A server that was restarted makes a session of a command anew, and not of an upload.
  await steps.first(session.command('check_status server'));
  const upload: Upload = { id: randomUUID(), totalBytes, request: session.commandText(line) };
  const buffer = new Uint8Array(chunkBytes);
  let isOpen = true;
  try {
    for (let sequence = 0, at = 0; ; sequence += 1) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, at);
      at += bytesRead;
      const isLast = at === totalBytes;
      if (bytesRead === 0 && !isLast) throw badArgument('the packed job has changed while it was sent');
      progress.isComplete ||= isLast;
      const chunk = { sequence, bytes: buffer.subarray(0, bytesRead), isLast };
      const answer = await steps.first(sendChunk(session, upload, chunk));
      isOpen = answer.returnCode === OK && !isLast;
      if (answer.returnCode === BAD_REQUEST) throw new LostUpload('the server does not know the upload');
      if (answer.returnCode !== OK) throw refusedChunk(answer);
      steps.emit({ type: 'sending', sentBytes: at, totalBytes });
      if (isLast) return jobIdIn(answer);
    }
  } finally {
    if (isOpen) sendAbort(session, upload);
  }
}

/** Source: `ReturnCode` of `nvflare/apis/fl_constant.py`. */
const OK = 'OK';
const BAD_REQUEST = 'BAD_REQUEST_DATA';

function jobIdIn({ result }: ChunkAnswer): string {
  const reply = parseReply('submit_job', result);
  const refusal = refusalOf('submit_job', reply);
  if (refusal !== undefined) throw refusal;
  return newJobId(reply, 'submit_job');
}

function refusedChunk({ returnCode }: ChunkAnswer): FlareError {
  const text = `submit_job: the server cannot take the job, ${returnCode}; its log says why`;
  return new FlareError(FlareStatus.ERROR, text, { reason: returnCode });
}

function interrupted({ name, canRepeat }: Packed, isComplete: boolean, cause: unknown): FlareError {
  const mayBeThere = isComplete && !canRepeat;
  const advice = mayBeThere
    ? 'it may be there all the same: look with listJobs before you submit it again'
    : 'submit it again once the server is there';
  const text = `the submission of ${name} was interrupted (${messageOf(cause)}): ${advice}`;
  return new FlareError(FlareStatus.INTERRUPTED, text, { cause });
}
