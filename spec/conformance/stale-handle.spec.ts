import { appendFile, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { LogReader } from '../../lib/drivers/shared-file/log-reader.js';

let directory: string;
let log: string;
let reader: LogReader;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rxflare-stale-'));
  log = join(directory, 'active.0.log');
  await writeFile(log, 'first');
  reader = new LogReader(directory, 'active', 1_000, undefined);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await reader.close();
  await rm(directory, { recursive: true });
});

/** What all handles of files have their methods from. */
async function handlePrototype(): Promise<{ read: () => Promise<unknown> }> {
  await using handle = await open(log, 'r');
  return Object.getPrototypeOf(handle) as { read: () => Promise<unknown> };
}

describe('a reader whose handle went stale, as when a file server comes back', () => {
  it('opens the log again at the next look, and misses nothing', async () => {
    expect(Buffer.from((await reader.read(true)) ?? []).toString()).toBe('first');
    await appendFile(log, 'second');
    const stale = Object.assign(new Error('ESTALE: stale file handle'), { code: 'ESTALE' });
    vi.spyOn(await handlePrototype(), 'read').mockRejectedValueOnce(stale);
    expect(await reader.read(true)).toBeUndefined();
    expect(Buffer.from((await reader.read(true)) ?? []).toString()).toBe('second');
  });

  it('fails for any other reason', async () => {
    const failed = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    vi.spyOn(await handlePrototype(), 'read').mockRejectedValueOnce(failed);
    await expect(reader.read(true)).rejects.toBe(failed);
  });
});
