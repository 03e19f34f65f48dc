import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { isMatching, P } from 'ts-pattern';
import { type Observable, timer } from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import { quoted } from '../quoted.js';
import { requireOptions } from '../require-options.js';
import { argument, badArgument, commandLine } from './command-line.js';
import { badReply, type CommandReply } from './command-reply.js';
import { FlareError, FlareStatus } from './flare-error.js';
import { inSteps, type Steps } from './in-steps.js';
import { ATTEMPTS, backAgain, isInterruption, type TransferSession } from './job-transfer.js';
import { takeLock } from './lock-file.js';
import { OverLimit } from './over-limit.js';
import { pullFile } from './pull-file.js';
import { isSafePath } from './safe-path.js';
import { EXTRACT_DEFAULTS, type ExtractLimits, extractZip, roomFor } from './zip-extract.js';

/** How a result is downloaded. */
export interface DownloadOptions extends ExtractLimits {
  /** How long the server may be away meanwhile, in milliseconds: 1 to 2,147,483,647 (24 days). Default: 60,000. */
  readonly patienceMs?: number;
}

/** The default of every option. */
export const DOWNLOAD_DEFAULTS: Required<DownloadOptions> = { ...EXTRACT_DEFAULTS, patienceMs: 60_000 };

/** How far a download is. `receivedBytes` is of all files together, `file` the one that comes. */
export type DownloadProgress =
  | { readonly type: 'receiving'; readonly file: string; readonly receivedBytes: number }
  | { readonly type: 'downloaded'; readonly folder: string };

/** Which command downloads, and to which folder of the destination. */
export interface Download {
  readonly command: 'download_job' | 'download_job_components';
  readonly jobId: string;
  readonly destination: string;
  /** Is called when no file is touched any more, which may be after it was unsubscribed. */
  readonly settled?: () => void;
}

/**
 * Downloads the files of a job to a new folder, named by the job, of the destination, and unpacks those that are zip files. Cold;
 * emits how much is there, and at last the folder. What an interrupted download has left beside it, in a folder that ends with
 * `.partial`, is where the next one goes on. Unsubscribing gives up.
 *
 * Errors with FlareError `invalid_job_id`, `job_running`, `bad_argument` where the folder is there already, `in_use` where another
 * download to it goes on, in this process or another, `bad_archive` where what comes would leave the folder or exceed a limit,
 * `interrupted` where the server went; CommError `ERROR` where the disk fails,
 * `BAD_CONFIG` for an option.
 */
export function downloadResult(
  session: TransferSession,
  { command, jobId, destination, settled }: Download,
  given: DownloadOptions = {},
): Observable<DownloadProgress> {
  return inSteps(async (steps) => {
    const options = resolved(given);
    if (!isSafePath(argument('job ID', jobId)) || jobId.includes('/'))
      throw badArgument(`${quoted(jobId)} is no job ID`);
    const folder = resolve(destination, jobId);
    const partial = resolve(destination, `.${jobId}.partial`);
    await onDisk(folder, () => mkdir(dirname(folder), { recursive: true }));
    const lock = await locked(`${partial}.lock`, session, steps);
    try {
      if (await isThere(folder))
        throw badArgument(`${folder} is there already: remove it, or choose another destination`);
      const wanted = { line: commandLine([command, jobId]), partial, hasParts: await isThere(partial) };
      await onDisk(partial, () => mkdir(partial, { recursive: true, mode: 0o700 }));
      await result(session, wanted, options, steps);
      steps.signal.throwIfAborted();
      await onDisk(folder, () => rename(join(partial, RESULT), folder));
      await rm(partial, { recursive: true, force: true });
    } finally {
      await rm(lock, { force: true });
    }
    steps.emit({ type: 'downloaded', folder });
  }, settled);
}

/** One that was given up ends a moment later. */
const LOCK_TRIES = 10;
const LOCK_PAUSE_MS = 100;

/** @returns the path of the lock */
async function locked(
  lock: string,
  { scheduler }: TransferSession,
  steps: Steps<DownloadProgress>,
): Promise<string> {
  for (let tries = 1; !(await onDisk(lock, () => takeLock(lock))); tries += 1) {
    if (tries === LOCK_TRIES) throw inUse(lock);
    await steps.first(timer(LOCK_PAUSE_MS, scheduler));
  }
  return lock;
}

/** In the partial folder: what has come, and what it is unpacked to. */
const PARTS = 'parts';
const RESULT = 'result';

interface Wanted {
  readonly line: string;
  readonly partial: string;
  /** A download before has left some. */
  readonly hasParts: boolean;
}

/** Where a part that was there may not fit what came later, all is asked for again. */
async function result(
  session: TransferSession,
  wanted: Wanted,
  options: Required<DownloadOptions>,
  steps: Steps<DownloadProgress>,
): Promise<void> {
  try {
    await unpacked(wanted.partial, await pulled(session, wanted, options, steps), options, steps.signal);
  } catch (error) {
    if (!(error instanceof FlareError) || error.status !== FlareStatus.BAD_ARCHIVE) throw error;
    await rm(wanted.partial, { recursive: true, force: true });
    if (!wanted.hasParts || error instanceof OverLimit) throw error;
    await onDisk(wanted.partial, () => mkdir(wanted.partial, { mode: 0o700 }));
    await result(session, { ...wanted, hasParts: false }, options, steps);
  }
}

/** Pulls all files, and begins with none that is complete. @returns the size of each, in bytes */
async function pulled(
  session: TransferSession,
  { line, partial }: Wanted,
  { maxBytes, maxEntries, patienceMs }: Required<DownloadOptions>,
  steps: Steps<DownloadProgress>,
): Promise<ReadonlyMap<string, number>> {
  const complete = new Map<string, number>();
  let moved = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { files, fqcn } = offered(await steps.first(session.command(line)));
      if (files.length > maxEntries) throw tooMany(files.length, maxEntries);
      for (const [name, refId] of files) {
        if (complete.has(name)) continue;
        const path = join(partial, PARTS, name);
        await onDisk(path, () => mkdir(dirname(path), { recursive: true }));
        const used = sum([...complete.values()]);
        const kept = { fqcn, refId, path, maxBytes: maxBytes - used };
        const size = await onDisk(path, () =>
          pullFile(session, kept, steps, (receivedBytes) => {
            if (used + receivedBytes > moved) [moved, attempt] = [used + receivedBytes, 1];
            steps.emit({ type: 'receiving', file: name, receivedBytes: used + receivedBytes });
          }),
        );
        complete.set(name, size);
      }
      return complete;
    } catch (error) {
      if (!isInterruption(error)) throw error;
      if (attempt >= ATTEMPTS) throw interrupted(line, partial, error);
      await steps.first(backAgain(session, patienceMs));
    }
  }
}

const isOffer = isMatching({
  files: P.array([P.string.minLength(1), P.string.minLength(1)]),
  source_fqcn: P.string.minLength(1),
});

function offered({ meta }: CommandReply): {
  readonly files: readonly (readonly [string, string])[];
  readonly fqcn: string;
} {
  if (!isOffer(meta) || meta.files.length === 0)
    throw badReply('download_job', 'the server does not say which files there are');
  const names = meta.files.map(([name]) => name);
  const unsafe = names.find((name) => !isSafePath(name) || !isSafePath(unpackedName(name)));
  if (unsafe !== undefined) throw badArchive(`a file is called ${quoted(unsafe)}`);
  const results = new Set(names.map(unpackedName));
  if (results.size < names.length) throw badArchive('two files have one name');
  const within = [...results].find((name) => foldersOf(name).some((folder) => results.has(folder)));
  if (within !== undefined) throw badArchive(`${quoted(within)} is in what is a file, or a zip file, itself`);
  return { files: meta.files, fqcn: meta.source_fqcn };
}

/** Zip files become folders, as by Python; others stay. */
async function unpacked(
  partial: string,
  sizes: ReadonlyMap<string, number>,
  options: Required<DownloadOptions>,
  signal: AbortSignal,
): Promise<void> {
  const folder = join(partial, RESULT);
  await rm(folder, { recursive: true, force: true });
  const packed = [...sizes].filter(([name]) => isZip(name));
  const room = roomFor(sum(packed.map(([, size]) => size)), options);
  for (const name of sizes.keys()) {
    const from = join(partial, PARTS, name);
    const to = join(folder, unpackedName(name));
    await onDisk(to, () => mkdir(dirname(to), { recursive: true }));
    if (isZip(name)) await extractZip(from, to, room, signal);
    else await onDisk(to, () => rename(from, to));
  }
}

function isZip(name: string): boolean {
  return name.endsWith('.zip');
}

function unpackedName(name: string): string {
  return isZip(name) ? name.slice(0, -'.zip'.length) : name;
}

/** All folders that a path leads through. */
function foldersOf(path: string): string[] {
  const words = path.split('/');
  return words.slice(1).map((_, index) => words.slice(0, index + 1).join('/'));
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all + size, 0);
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isDisk = error instanceof Error && 'syscall' in error;
    throw isDisk ? CommError.from(error, `${path} cannot be written`, CommErrorCode.ERROR) : error;
  }
}

function resolved(given: DownloadOptions): Required<DownloadOptions> {
  const positive = [1, Number.POSITIVE_INFINITY] as const;
  const ranges = { maxEntries: positive, maxBytes: positive, maxRatio: positive };
  requireOptions(given, DOWNLOAD_DEFAULTS, 'a download', { ...ranges, patienceMs: [1, LONGEST_TIMER_MS] });
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...DOWNLOAD_DEFAULTS, ...(Object.fromEntries(defined) as DownloadOptions) };
}

function inUse(lock: string): FlareError {
  const text = `another download of this job goes on to this destination, as ${lock} says`;
  const advice = 'wait for its end, choose another destination, or remove that file if its program has ended';
  return new FlareError(FlareStatus.IN_USE, `${text}: ${advice}`);
}

function tooMany(count: number, max: number): OverLimit {
  return new OverLimit(
    `the result is not downloaded, it has ${count} files, and ${max} are allowed (maxEntries)`,
  );
}

function badArchive(problem: string): FlareError {
  return new FlareError(FlareStatus.BAD_ARCHIVE, `the result is not downloaded, ${problem}`);
}

function interrupted(line: string, partial: string, cause: unknown): FlareError {
  const advice = `what has come is in ${partial}, and the same call goes on from there`;
  return new FlareError(FlareStatus.INTERRUPTED, `${line} was interrupted (${messageOf(cause)}): ${advice}`, {
    cause,
  });
}
