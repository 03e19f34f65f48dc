import { randomUUID } from 'node:crypto';
import { rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { logger } from '../../log.js';
import { isMissing } from './file-errors.js';
import { createFile, exists, makeDirectory, namesIn, removeFile } from './files.js';
import { closedPath, HIDDEN_PREFIX, isConnectionFile, leasePath, logPath } from './layout.js';
import type { Tuning } from './tuning.js';

const log = logger('shared-file');

/** Characters of a connection's name, as in NVFlare's `connect`. */
const NAME_LENGTH = 12;

/** What a listener finds in a directory that it has not seen before. */
export type Find =
  /** A connection that no listener has adopted. */
  | 'fresh'
  /** What is left of a connection. */
  | 'leftover'
  /** Something else. */
  | 'foreign';

/**
 * Makes the directory of a connection for the active side: complete with both first logs before it gets its name,
 * so that a listener never sees half of it.
 *
 * @param parent - the `conns` of a listener
 */
export async function makeConnectionDirectory(parent: string, tuning: Tuning): Promise<string> {
  const name = randomUUID().replaceAll('-', '').slice(0, NAME_LENGTH);
  const draft = join(parent, HIDDEN_PREFIX + name);
  await makeDirectory(draft, tuning.directoryMode);
  await createFile(logPath(draft, 'active', 0), tuning.fileMode);
  await createFile(logPath(draft, 'passive', 0), tuning.fileMode);
  const directory = join(parent, name);
  await rename(draft, directory);
  await createFile(leasePath(directory, 'active'), tuning.fileMode);
  return directory;
}

/**
 * Judges a directory. With `closed` in it or without `active.0.log` it is a leftover, as in NVFlare
 * (`_adopt_new_dirs`). So it is with `passive.lease` in it: another listener had it, and what that one read would
 * be read again. A directory without any file of a connection is not ours.
 */
export async function judgeDirectory(directory: string): Promise<Find> {
  let names: readonly string[];
  try {
    names = await namesIn(directory);
  } catch (error) {
    if (isMissing(error)) return 'foreign';
    throw error;
  }
  if (!names.some(isConnectionFile)) return 'foreign';
  const isTaken = names.includes('closed') || names.includes('passive.lease');
  return isTaken || !names.includes('active.0.log') ? 'leftover' : 'fresh';
}

/** Marks a connection as ended, for the other side to see. */
export async function markClosed(directory: string, { fileMode }: Tuning): Promise<void> {
  await createFile(closedPath(directory), fileMode);
}

/**
 * Removes the files of a connection, and then its directory if nothing else is in it. Never rejects.
 *
 * @returns whether it is gone
 */
export async function removeConnectionDirectory(directory: string): Promise<boolean> {
  try {
    // One by one: thousands at once would keep all other files waiting.
    for (const name of await namesIn(directory))
      if (isConnectionFile(name)) await removeFile(join(directory, name));
    await rmdir(directory);
  } catch (error) {
    if (!isMissing(error)) log('%s cannot be removed: %s', directory, error);
  }
  return !(await exists(directory).catch(() => true));
}
