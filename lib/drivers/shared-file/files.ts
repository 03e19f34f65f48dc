import {
  chmod,
  type FileHandle,
  mkdir,
  open,
  rename,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { fromNodeError, systemCode } from '../node/node-errors.js';

/** Makes one directory; the mode holds whatever the umask is. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path);
  await chmod(path, mode);
}

/** Makes a directory and those above it, where they are missing. What was there keeps its mode. */
export async function ensureDirectory(path: string, mode: number): Promise<void> {
  if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, mode);
}

/** Opens a file to append to it. Where it is made now, the mode holds whatever the umask is. */
export async function openToAppend(path: string, mode: number): Promise<FileHandle> {
  let made: FileHandle;
  try {
    made = await open(path, 'ax', mode);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return open(path, 'a');
    throw error;
  }
  try {
    await made.chmod(mode);
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** Makes an empty file, where it is missing. */
export async function createFile(path: string, mode: number): Promise<void> {
  const file = await openToAppend(path, mode);
  await file.close();
}

/** Writes a file so that it is seen whole or not at all. */
export async function writeAtOnce(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.tmp`;
  await writeFile(draft, text);
  await chmod(draft, mode);
  await rename(draft, path);
}

/** Sets the time of change to now; makes the file where it is missing. */
export async function touch(path: string, mode: number): Promise<void> {
  const now = Date.now() / 1000;
  try {
    await utimes(path, now, now);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await createFile(path, mode);
  }
}

/** Whether a file or directory is there. */
export async function exists(path: string): Promise<boolean> {
  return (await modifiedAt(path)) !== undefined;
}

/** When a file was changed, by the clock of its file system; `undefined` where there is none. */
export async function modifiedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Removes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** The file, or a directory above it, is not there. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(error));
}

/** What an error of the file system means for a connection: without its directory it is closed. */
export function fromFileError(error: unknown, context: string): CommError {
  if (!isMissing(error) && systemCode(error) !== 'ESTALE') return fromNodeError(error, context);
  return CommError.from(error, `${context}: the directory is gone`, CommErrorCode.CLOSED);
}
