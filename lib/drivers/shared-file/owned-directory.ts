import { rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { removeConnectionDirectory } from './connection-directory.js';
import { isMissing } from './file-errors.js';
import { draftOf, look, namesIn, removeFile } from './files.js';
import { CONNECTIONS_DIRECTORY, LISTENER_LEASE, LISTENER_PREFIX, OWNER_MARKER } from './layout.js';
import type { Owners } from './trust.js';

/** Whether `resolveUrls`, here or in NVFlare, made this directory for one of these users. */
export async function isOwned(path: string, owners: Owners): Promise<boolean> {
  if (!basename(path).startsWith(LISTENER_PREFIX)) return false;
  const directory = await look(path);
  if (directory?.isDirectory() !== true || owners?.has(directory.uid) === false) return false;
  return (await look(join(path, OWNER_MARKER)))?.isFile() === true;
}

/**
 * Removes what a listener and its connections have made in its directory, file by file, and then the directory. What
 * else is in it stays, and the directory with it: with a recursive removal, a link that takes the place of a directory
 * at the right moment would empty another one.
 */
export async function removeOwned(path: string): Promise<void> {
  const connections = join(path, CONNECTIONS_DIRECTORY);
  try {
    for (const name of await namesIn(connections)) await removeConnectionDirectory(join(connections, name));
    await rmdir(connections);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const lease = join(path, LISTENER_LEASE);
  for (const file of [lease, draftOf(lease), join(path, OWNER_MARKER)]) await removeFile(file);
  await rmdir(path);
}
