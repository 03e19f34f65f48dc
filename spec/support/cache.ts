import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What tests install once and for all. */
export const cache = join(homedir(), '.cache', 'rxflare');

/**
 * Makes a directory of the cache, if it is not there yet.
 *
 * @param make - fills it, alone among all processes; when it fails, the next one tries again
 * @returns its path
 */
export async function cached(name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const directory = join(cache, name);
  const marker = join(directory, '.complete');
  if (existsSync(marker)) return directory;
  await mkdir(cache, { recursive: true });
  await locked(`${directory}.lock`, async () => {
    if (existsSync(marker)) return;
    await make(directory);
    await writeFile(marker, '');
  });
  return directory;
}

/** Runs `work` while no other process does; a lock whose owner died is taken away. */
async function locked(lock: string, work: () => Promise<void>): Promise<void> {
  while (!(await tryLock(lock))) await sleep(250);
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (owner && !isAlive(owner)) await rm(lock, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
