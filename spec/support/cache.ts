import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { locked } from './locked.js';

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
