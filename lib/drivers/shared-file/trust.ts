import type { Stats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { isMissing } from './file-errors.js';
import { LISTENER_LEASE } from './layout.js';

/** User IDs whose files may be used. `undefined`: anybody's, as on a platform without user IDs. */
export type Owners = ReadonlySet<number> | undefined;

/**
 * Whose files a connection may use: those of this process, and of the owners of the listener's directory, of its
 * lease and of the connection's directory. So the two sides may be two users: the active side makes the connection's
 * directory and both first logs, the listener's side makes the lease. Where a file server gives root another name,
 * that name owns the directory or lease which root has made.
 */
export async function ownersOf(listenerDirectory: string, connectionDirectory: string): Promise<Owners> {
  const user = process.geteuid?.();
  if (user === undefined) return undefined;
  const owners = await Promise.all([
    // The user names this one, so it may be a link.
    ownerOf(stat(listenerDirectory)),
    ownerOf(lstat(join(listenerDirectory, LISTENER_LEASE))),
    ownerOf(lstat(connectionDirectory)),
  ]);
  return new Set([user, ...owners.flat()]);
}

/** Whose directories may be removed: those of this process, and of the owner of the root directory. */
export async function removersOf(rootDirectory: string): Promise<Owners> {
  const user = process.geteuid?.();
  return user === undefined ? undefined : new Set([user, ...(await ownerOf(stat(rootDirectory)))]);
}

/**
 * Refuses what is no regular file, has a second name, or belongs to another user. A second name (a hard link) may be
 * that of a file which only this process can write.
 *
 * @throws CommError `BAD_DATA`
 */
export function requireFile(found: Stats, path: string, owners: Owners): Stats {
  if (found.isSymbolicLink()) throw refused(path, 'is a symbolic link');
  if (!found.isFile()) throw refused(path, 'is no regular file');
  if (found.nlink > 1) throw refused(path, 'is a hard link');
  if (owners?.has(found.uid) === false) throw refused(path, `belongs to the user ${found.uid}`);
  return found;
}

/**
 * Refuses a symbolic link and all else that is no directory.
 *
 * @throws CommError `BAD_DATA`
 */
export function requireDirectory(found: Stats, path: string): void {
  if (!found.isDirectory()) throw refused(path, 'is no directory');
}

/**
 * Refuses a file that has taken the place of another.
 *
 * @throws CommError `BAD_DATA`
 */
export function requireSame(found: Stats, before: Stats, path: string): void {
  if (found.dev !== before.dev || found.ino !== before.ino) throw refused(path, 'was replaced');
}

function refused(path: string, reason: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `${path} ${reason}`);
}

async function ownerOf(found: Promise<Stats>): Promise<number[]> {
  try {
    return [(await found).uid];
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
