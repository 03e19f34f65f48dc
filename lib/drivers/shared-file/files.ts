import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, lutimes, mkdir, open, opendir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { systemCode } from '../node/node-errors.js';
import { isMissing } from './file-errors.js';
import { type Owners, requireDirectory, requireFile, requireSame } from './trust.js';

/*
 * Everything that this room does to a file. Strangers may write in a shared directory, so nothing here follows a link
 * in the last two parts of a path, waits in `open`, or reads more than it was asked for.
 */

/** The most names that are read of one directory; the rest is not seen. */
const MAX_NAMES = 20_000;

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Windows has neither flag, and counts what is undefined as 0; there, looking before and after has to do. */
const CAREFULLY = O_NOFOLLOW | O_NONBLOCK;

/** Makes one directory, with this mode under any umask. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path);
  await setDirectoryMode(path, mode);
}

/** Makes a directory and its missing parents. An existing directory keeps its mode. */
export async function ensureDirectory(path: string, mode: number): Promise<void> {
  if ((await mkdir(path, { recursive: true })) !== undefined) await setDirectoryMode(path, mode);
}

/**
 * Opens a regular file of an expected owner to read it.
 *
 * @throws CommError `BAD_DATA` for any other file
 */
export function openToRead(path: string, owners: Owners): Promise<FileHandle> {
  return openFound(path, O_RDONLY, owners);
}

/**
 * Opens a regular file of an expected owner to append to it. A missing one is made, with this mode under any umask.
 *
 * @throws CommError `BAD_DATA` for any other file
 */
export async function openToAppend(path: string, mode: number, owners: Owners): Promise<FileHandle> {
  return (await openNew(path, mode)) ?? openFound(path, O_WRONLY | O_APPEND, owners);
}

/** Makes an empty file, unless the name is taken. */
export async function createFile(path: string, mode: number): Promise<void> {
  const file = await openNew(path, mode);
  await file?.close();
}

/** Writes a file that others see whole or not at all. It replaces what had its name, and does not write into it. */
export async function writeAtOnce(path: string, text: string, mode: number): Promise<void> {
  const draft = draftOf(path);
  await removeFile(draft);
  const file = await openNew(draft, mode);
  if (file === undefined) throw new CommError(CommErrorCode.ERROR, `${draft} is written by another process`);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** The name of a file while it is written. */
export function draftOf(path: string): string {
  return `${path}.tmp`;
}

/**
 * The text of a small file; `undefined` if it is missing.
 *
 * @param maxBytes - the most that is read; the rest of a longer file is ignored
 * @throws CommError `BAD_DATA` if it is no regular file of an expected owner
 */
export async function readText(path: string, maxBytes: number, owners: Owners): Promise<string | undefined> {
  const file = await openToRead(path, owners).catch(orUndefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Sets the modification time to now; makes the file if it is missing.
 *
 * @throws CommError `BAD_DATA` if it is no regular file of an expected owner
 */
export async function touch(path: string, mode: number, owners: Owners): Promise<void> {
  const now = Date.now() / 1000;
  try {
    requireFile(await lstat(path), path, owners);
    await lutimes(path, now, now);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await createFile(path, mode);
  }
}

/** Whether anything has this path, were it a link to nowhere. */
export async function exists(path: string): Promise<boolean> {
  return (await look(path)) !== undefined;
}

/** Describes what has this path, without following a link; `undefined` if nothing has. */
export function look(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(orUndefined);
}

/** The names in a directory, 20,000 of them at most. */
export async function namesIn(path: string): Promise<readonly string[]> {
  requireDirectory(await lstat(path), path);
  const names: string[] = [];
  for await (const { name } of await opendir(path, { bufferSize: 512 })) {
    names.push(name);
    if (names.length === MAX_NAMES) break;
  }
  return names;
}

/** Removes a file, if it exists. */
export async function removeFile(path: string): Promise<void> {
  try {
    await requireParent(path);
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** `undefined` if the name is taken, were it by a link to nowhere. */
async function openNew(path: string, mode: number): Promise<FileHandle | undefined> {
  await requireParent(path);
  let made: FileHandle;
  try {
    made = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, mode);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return undefined;
    throw error;
  }
  return orClosed(made, () => made.chmod(mode));
}

/** Looks before it opens, since opening a device may do something, and after it, since a name may change hands. */
async function openFound(path: string, flags: number, owners: Owners): Promise<FileHandle> {
  await requireParent(path);
  const found = requireFile(await lstat(path), path, owners);
  const file = await open(path, flags | CAREFULLY);
  return orClosed(file, async () => requireSame(requireFile(await file.stat(), path, owners), found, path));
}

async function orClosed(file: FileHandle, step: () => Promise<void>): Promise<FileHandle> {
  try {
    await step();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** By handle, since `chmod` by path follows links. Windows opens no directories, and has no modes for them. */
async function setDirectoryMode(path: string, mode: number): Promise<void> {
  if (!('O_DIRECTORY' in constants)) return;
  const directory = await open(path, O_RDONLY | O_DIRECTORY | CAREFULLY);
  await orClosed(directory, () => directory.chmod(mode));
  await directory.close();
}

async function requireParent(path: string): Promise<void> {
  const parent = dirname(path);
  requireDirectory(await lstat(parent), parent);
}

function orUndefined(error: unknown): undefined {
  if (!isMissing(error)) throw error;
  return undefined;
}
