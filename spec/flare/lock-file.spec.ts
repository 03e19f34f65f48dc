import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { takeLock } from '../../lib/flare/lock-file.js';

describe('takeLock', () => {
  let folder = '';
  let lock = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rxflare-lock-'));
    lock = join(folder, 'lock');
    onTestFinished(() => rm(folder, { recursive: true }));
  });

  const owner = (pid: number, host = hostname()) => JSON.stringify({ host, pid, process: 'another' });
  /** No system has so many. */
  const NOBODY = 2 ** 30;

  it('is taken by one, until the file is removed', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => takeLock(lock)));
    expect(all.filter(Boolean)).toHaveLength(1);
    expect(await takeLock(lock)).toBe(false);
    await rm(lock);
    expect(await takeLock(lock)).toBe(true);
  });

  it.each<[string, string, boolean]>([
    ['a process that has died', owner(NOBODY), true],
    ['a process that had our ID', owner(process.pid), true],
    ['a process that lives', owner(process.ppid), false],
    ['another computer', owner(NOBODY, 'elsewhere'), false],
    ['nobody who can be told', '', false],
    ['what is no process', owner(-1), false],
  ])('of %s', async (_, content, isTaken) => {
    await writeFile(lock, content);
    expect(await takeLock(lock)).toBe(isTaken);
    expect((await readFile(lock, 'utf8')) === content).toBe(!isTaken);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('of a process that has died is taken over by one', async () => {
    await writeFile(lock, owner(NOBODY));
    const all = await Promise.all(Array.from({ length: 5 }, () => takeLock(lock)));
    expect(all.filter(Boolean)).toHaveLength(1);
  });

  it.each([
    ['a folder', () => mkdir(lock)],
    ['a link to nowhere', () => symlink(join(folder, 'nowhere', 'else'), lock)],
  ])('is not taken in place of %s', async (_, make) => {
    await make();
    expect(await takeLock(lock)).toBe(false);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('says where it cannot be written', async () => {
    await expect(takeLock(join(folder, 'none', 'lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
