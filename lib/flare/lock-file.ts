import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';

import { isMatching, P } from 'ts-pattern';

/** Who has a lock. Process IDs are used again, and in containers are all alike. */
const OWNER = { host: hostname(), pid: process.pid, process: randomUUID() };

const isOwner = isMatching({ host: P.string, pid: P.number.int().positive(), process: P.string });

/** How often a lock that vanishes while it is looked at is tried again: a link to nowhere always looks like one. */
const MAX_TRIES = 10;

/**
 * Makes a file that says that something is in use, unless there is one whose process lives. That of another computer, on a shared
 * disk, is taken for alive, as is who left what cannot be read. Removing the file gives the lock back.
 *
 * @returns whether it is ours now
 * @throws the error of `node:fs` where it cannot be written
 */
export async function takeLock(path: string, tries = MAX_TRIES): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(OWNER), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  if (tries === 1) return false;
  const text = await readFile(path, 'utf8').catch((error: unknown) =>
    codeOf(error) === 'ENOENT' ? undefined : '',
  );
  if (text === undefined) return takeLock(path, tries - 1);
  return isAbandoned(text) && (await takeAway(path, text)) && takeLock(path, tries - 1);
}

/** @returns false where the file is another one by now: then two have seen the same abandoned lock, and one has it */
async function takeAway(path: string, text: string): Promise<boolean> {
  const away = `${path}.${randomUUID()}`;
  try {
    await rename(path, away);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
  if ((await readFile(away, 'utf8')) !== text) {
    await rename(away, path);
    return false;
  }
  await rm(away);
  return true;
}

function isAbandoned(text: string): boolean {
  const owner = parsed(text);
  if (!isOwner(owner) || owner.host !== OWNER.host || owner.process === OWNER.process) return false;
  if (owner.pid === OWNER.pid) return true;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
