import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { logger } from '../../log.js';
import { removeConnectionDirectory } from './connection-directory.js';
import { modifiedAt } from './files.js';
import { HIDDEN_PREFIX, LISTENER_LEASE } from './layout.js';
import { isOwned } from './listener-directory.js';

const log = logger('shared-file');

/** NVFlare's `LISTENER_STALE_TIME` and `TMP_DIR_STALE_TIME`. */
const STALE_MS = 3_600_000;

/**
 * Removes the directories of listeners that ended without cleaning up: those whose lease has not been touched for
 * an hour. Only what carries the ownership marker is looked at. Never rejects.
 */
export async function collectListeners(rootDirectory: string): Promise<void> {
  await forEachIn(rootDirectory, async (path) => {
    if (!(await isOwned(path))) return;
    const touchedAt = (await modifiedAt(join(path, LISTENER_LEASE))) ?? (await modifiedAt(path));
    if (isStale(touchedAt)) await rm(path, { recursive: true, force: true });
  });
}

/** Removes connection directories that were never completed. Never rejects. */
export async function collectDrafts(connections: string): Promise<void> {
  await forEachIn(connections, async (path, name) => {
    if (name.startsWith(HIDDEN_PREFIX) && isStale(await modifiedAt(path)))
      await removeConnectionDirectory(path);
  });
}

async function forEachIn(
  directory: string,
  collect: (path: string, name: string) => Promise<void>,
): Promise<void> {
  try {
    for (const name of await readdir(directory)) await collect(join(directory, name), name);
  } catch (error) {
    log('%s is not cleaned up: %s', directory, error);
  }
}

function isStale(touchedAt: number | undefined): boolean {
  return touchedAt !== undefined && Date.now() - touchedAt > STALE_MS;
}
