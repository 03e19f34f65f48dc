import type { Stats } from 'node:fs';
import { join } from 'node:path';

import { logger } from '../../log.js';
import { removeConnectionDirectory } from './connection-directory.js';
import { look, namesIn } from './files.js';
import { HIDDEN_PREFIX, LISTENER_LEASE, LISTENER_PREFIX } from './layout.js';
import { isOwned, removeOwned } from './owned-directory.js';
import { removersOf } from './trust.js';

const log = logger('shared-file');

/** NVFlare's `LISTENER_STALE_TIME` and `TMP_DIR_STALE_TIME`. */
const STALE_MS = 3_600_000;

/**
 * Removes the directories of listeners that ended without cleaning up: those whose lease has not been touched for
 * an hour. Only those with the ownership marker that belong to this process's user, or to the owner of the root.
 * Never rejects.
 */
export async function collectListeners(rootDirectory: string): Promise<void> {
  await forEachIn(`${rootDirectory}/.`, LISTENER_PREFIX, async (path) => {
    if (!(await isOwned(path, await removersOf(rootDirectory)))) return;
    const touched = (await look(join(path, LISTENER_LEASE))) ?? (await look(path));
    if (isStale(touched)) await removeOwned(path);
  });
}

/** Removes connection directories that were never completed. Never rejects. */
export async function collectDrafts(connections: string): Promise<void> {
  await forEachIn(connections, HIDDEN_PREFIX, async (path) => {
    if (isStale(await look(path))) await removeConnectionDirectory(path);
  });
}

/** What cannot be removed keeps nothing else from it. */
async function forEachIn(
  directory: string,
  prefix: string,
  collect: (path: string) => Promise<void>,
): Promise<void> {
  const skip = (path: string) => (error: unknown) => {
    log('%s is not cleaned up: %s', path, error);
    return [];
  };
  for (const name of await namesIn(directory).catch(skip(directory))) {
    const path = join(directory, name);
    if (name.startsWith(prefix)) await collect(path).catch(skip(path));
  }
}

function isStale(found: Stats | undefined): boolean {
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS;
}
