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

/** Makes one directory; the mode holds whatever the umask is. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path);
  await setDirectoryMode(path, mode);
}

/** Makes a directory and those above it, where they are missing. What was there keeps its mode. */
export async function ensureDirectory(path: string, mode: number): Promise<void> {
  if ((await mkdir(path, { recursive: true })) !== undefined) await setDirectoryMode(path, mode);
}

/**
 * Opens a file to read it, where it is a regular one of an expected owner.
 *
 * @throws CommError `BAD_DATA` where it is not
 */
export function openToRead(path: string, owners: Owners): Promise<FileHandle> {
  return openFound(path, O_RDONLY, owners);
}

/**
 * Opens a file to append to it, where it is a regular one of an expected owner. Where it is made now, the mode holds
 * whatever the umask is.
 *
 * @throws CommError `BAD_DATA` where it is another kind of file, or somebody else's
 */
export async function openToAppend(path: string, mode: number, owners: Owners): Promise<FileHandle> {
  return (await openNew(path, mode)) ?? openFound(path, O_WRONLY | O_APPEND, owners);
}

/** Makes an empty file, where there is nothing of that name. */
export async function createFile(path: string, mode: number): Promise<void> {
  const file = await openNew(path, mode);
  await file?.close();
}

/** Writes a file so that it is seen whole or not at all. What had its name goes, and is not written to. */
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
 * The text of a small file; `undefined` where there is none.
 *
 * @param maxBytes - what it may have; a longer one is cut
 * @throws CommError `BAD_DATA` where it is no regular file of an expected owner
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
 * Sets the time of change to now; makes the file where it is missing.
 *
 * @throws CommError `BAD_DATA` where it is no regular file of an expected owner
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

/** Whether a file, directory or anything else is there. */
export async function exists(path: string): Promise<boolean> {
  return (await look(path)) !== undefined;
}

/** What is there, a link itself and not what it points to; `undefined` where there is nothing. */
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

/** Removes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await requireParent(path);
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** `undefined` where there is something of that name already, were it a link to nowhere. */
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
