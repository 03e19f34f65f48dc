import { lstat, readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { CommError, CommErrorCode } from '../comm-error.js';
import { quoted } from '../quoted.js';
import { FlareError, FlareStatus } from './flare-error.js';

/** What is in a file of a {@link JobInMemory}: bytes, a text, or what is written as JSON. */
export type JobContent = Uint8Array | string | readonly unknown[] | Readonly<Record<string, unknown>>;

/** A job without a folder on a disk. */
export interface JobInMemory {
  /** What its folder would be called: letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** Its files by their paths in the folder, such as `app/config/config_fed_server.json`. */
  readonly files: Readonly<Record<string, JobContent>>;
}

/** A job: the path of its folder, or the files themselves. */
export type JobSource = string | JobInMemory;

/** A file of a job. */
export interface JobFile {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Where it is; absent in memory. */
  readonly path?: string;
  /** Reads all of it. */
  read(): Promise<Uint8Array>;
}

/** A folder of a job, and what is in it. */
export interface JobFolder {
  readonly name: string;
  readonly folders: readonly JobFolder[];
  readonly files: readonly JobFile[];
}

/** What each folder of a signed job has. Source: `nvflare/lighter/tool_consts.py`. */
export const SIGNATURE_FILE = '.__nvfl_sig.json';
export const SUBMITTER_FILE = '.__nvfl_submitter.crt';

/** Source: `JOB_NAME_PATTERN` of `nvflare/fuel/utils/validation_utils.py`, and `format_check.py` before 2.9. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Source: `ConfigFormat.config_ext_formats` of `nvflare/fuel/utils/config.py`. */
const META_FILES = [
  'meta.json',
  'meta.conf',
  'meta.yml',
  'meta.yaml',
  'meta.json.default',
  'meta.conf.default',
  'meta.yml.default',
  'meta.yaml.default',
];

/** A folder with more is no job: somebody has given a home directory. */
export const MAX_ENTRIES = 10_000;

/** More folders within each other are none of a job. */
const MAX_DEPTH = 100;

/**
 * Lists what a job is made of. Signatures of an earlier submission are left out.
 *
 * @throws FlareError `invalid_job_def` where a server would refuse it: a name with other characters, no `meta.json`, a link, a
 * path that leaves the folder, a file and a folder of one name, more than 10,000 files and folders, or 100 levels; CommError `BAD_CONFIG` where it cannot be read
 */
export async function readJob(source: JobSource): Promise<JobFolder> {
  const isPath = typeof source === 'string';
  const name = isPath ? basename(resolve(source)) : source.name;
  if (!NAME.test(name)) {
    const allowed = 'a job is called by letters, digits, ".", "_" and "-", and begins with a letter or digit';
    throw invalidJob(`the job is called ${quoted(name)}: ${allowed}`);
  }
  const job = isPath ? await folderAt(source, name, { left: MAX_ENTRIES }) : folderOf(name, source.files);
  if (job.files.some((file) => META_FILES.includes(file.name))) return job;
  throw invalidJob(`${isPath ? source : `job ${name}`} has no meta.json, so it is not the folder of a job`);
}

/** How many more files and folders there may be. */
interface Room {
  left: number;
}

function take(room: Room, job: string): void {
  room.left -= 1;
  if (room.left < 0) throw invalidJob(`${job} has more than ${MAX_ENTRIES} files and folders`);
}

async function folderAt(path: string, name: string, room: Room, depth = 0): Promise<JobFolder> {
  if (depth > MAX_DEPTH) throw invalidJob(`${path} is deeper than ${MAX_DEPTH} folders`);
  const folders: JobFolder[] = [];
  const files: JobFile[] = [];
  for (const entry of (await attempted(path, () => readdir(path))).sort()) {
    if (isSignature(entry)) continue;
    take(room, path);
    const at = join(path, entry);
    const stats = await attempted(at, () => lstat(at));
    if (stats.isDirectory()) folders.push(await folderAt(at, entry, room, depth + 1));
    else if (stats.isFile())
      files.push({ name: entry, path: at, size: stats.size, read: () => attempted(at, () => readFile(at)) });
    else throw invalidJob(`${at} is a link, a pipe or a device: put a copy of the file there`);
  }
  return { name, folders, files };
}

async function attempted<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw CommError.from(error, `${path} cannot be read`, CommErrorCode.BAD_CONFIG);
  }
}

function isSignature(name: string): boolean {
  return name === SIGNATURE_FILE || name === SUBMITTER_FILE;
}

/** A tree that grows. */
interface Growing {
  readonly folders: Map<string, Growing>;
  readonly files: Map<string, JobFile>;
}

function folderOf(name: string, contents: JobInMemory['files']): JobFolder {
  const root: Growing = { folders: new Map(), files: new Map() };
  const room: Room = { left: MAX_ENTRIES };
  for (const [path, content] of Object.entries(contents)) {
    const words = path.split('/');
    const file = words.pop() ?? '';
    if (isSignature(file)) continue;
    if (words.length > MAX_DEPTH) throw invalidJob(`job ${name} is deeper than ${MAX_DEPTH} folders`);
    if ([...words, file].some((word) => /^\.{0,2}$|[\\\0]/.test(word)))
      throw invalidJob(
        `job ${name} has a file ${quoted(path)}: give its path in the folder, as app/config/x.json`,
      );
    const bytes = bytesOf(path, content);
    let folder = root;
    for (const word of words) {
      const next: Growing = folder.folders.get(word) ?? { folders: new Map(), files: new Map() };
      if (!folder.folders.has(word)) take(room, `job ${name}`);
      folder.folders.set(word, next);
      folder = next;
    }
    take(room, `job ${name}`);
    folder.files.set(file, { name: file, size: bytes.length, read: () => Promise.resolve(bytes) });
  }
  return grown(name, root);
}

function grown(name: string, { folders, files }: Growing): JobFolder {
  const both = [...files.keys()].find((each) => folders.has(each));
  if (both !== undefined) throw invalidJob(`${quoted(both)} of the job is a file and a folder`);
  return {
    name,
    folders: [...folders].map(([each, folder]) => grown(each, folder)),
    files: [...files.values()],
  };
}

function bytesOf(path: string, content: JobContent): Uint8Array {
  if (content instanceof Uint8Array) return content;
  // What has no form in JSON comes back undefined, whatever the types say.
  const text =
    typeof content === 'string' ? content : (JSON.stringify(content, undefined, 2) as string | undefined);
  if (text === undefined) throw invalidJob(`file ${quoted(path)} of the job has no form in JSON`);
  return new TextEncoder().encode(text);
}

function invalidJob(text: string): FlareError {
  return new FlareError(FlareStatus.INVALID_JOB, text);
}
