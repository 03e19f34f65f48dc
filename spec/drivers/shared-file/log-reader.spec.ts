import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { LogReader } from '../../../lib/drivers/shared-file/log-reader.js';
import { CommErrorCode } from '../../../lib/index.js';
import { makeRoot } from './workspace.js';

const MAX_LOG_BYTES = 10;

describe('LogReader', () => {
  const readers: LogReader[] = [];
  afterEach(() => Promise.all(readers.splice(0).map((reader) => reader.close())));

  async function readerOf(log: string) {
    const directory = await makeRoot();
    const path = (name: string) => join(directory, name);
    await writeFile(path('active.0.log'), log);
    const reader = new LogReader(directory, 'active', MAX_LOG_BYTES, undefined);
    readers.push(reader);
    const read = async (isWhole = true) => {
      const chunk = await reader.read(isWhole);
      return chunk === undefined ? undefined : Buffer.from(chunk).toString();
    };
    return { directory, path, reader, read };
  }

  it('reads what is new each time, and counts it', async () => {
    const { path, read, reader } = await readerOf('');
    expect(await read()).toBeUndefined();
    await appendFile(path('active.0.log'), 'one');
    expect(await read()).toBe('one');
    expect(await read()).toBeUndefined();
    await appendFile(path('active.0.log'), 'two');
    expect(await read()).toBe('two');
    expect(reader.total).toBe(6);
  });

  it('reads a large log in several chunks', async () => {
    const text = 'x'.repeat(1_500_000);
    const { read } = await readerOf(text);
    const chunks: string[] = [];
    for (let chunk = await read(); chunk !== undefined; chunk = await read()) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.join('') === text).toBe(true);
  });

  it('goes on to the next log and deletes the one before, when its seal is reached', async () => {
    const { directory, path, read } = await readerOf('0123456789');
    await writeFile(path('active.0.sealed'), '10\n');
    await writeFile(path('active.1.log'), 'next');
    expect(await read()).toBe('0123456789');
    expect(await read()).toBe('next');
    expect(await readdir(directory)).toEqual(['active.1.log']);
  });

  it('waits for the next log', async () => {
    const { path, read } = await readerOf('0123456789');
    await writeFile(path('active.0.sealed'), '10');
    expect(await read()).toBe('0123456789');
    expect(await read()).toBeUndefined();
    expect(await read()).toBeUndefined();
    await writeFile(path('active.1.log'), 'next');
    expect(await read()).toBe('next');
  });

  it.each([
    ['is not there', undefined],
    ['is empty', ''],
    ['is no number', 'soon'],
    ['tells of more', '13'],
  ])('stays with a log whose seal %s', async (_, seal) => {
    const { path, read } = await readerOf('0123456789');
    if (seal !== undefined) await writeFile(path('active.0.sealed'), seal);
    await writeFile(path('active.1.log'), 'next');
    expect(await read()).toBe('0123456789');
    expect(await read()).toBeUndefined();
    await appendFile(path('active.0.log'), 'abc');
    await writeFile(path('active.0.sealed'), '13');
    expect(await read()).toBe('abc');
    expect(await read()).toBe('next');
  });

  it('looks for no seal before the log has its size, as in NVFlare', async () => {
    const { path, read } = await readerOf('012345678');
    await writeFile(path('active.0.sealed'), '9');
    await writeFile(path('active.1.log'), 'next');
    expect(await read()).toBe('012345678');
    expect(await read()).toBeUndefined();
  });

  it('refuses a seal in the middle of a frame', async () => {
    const { path, read } = await readerOf('0123456789');
    await writeFile(path('active.0.sealed'), '10');
    expect(await read()).toBe('0123456789');
    await expect(read(false)).rejects.toMatchObject({ code: CommErrorCode.BAD_DATA });
  });

  it('fails where the log or its directory is gone', async () => {
    const { directory, path, read } = await readerOf('0123456789');
    await writeFile(path('active.0.sealed'), '10');
    await read();
    await read();
    await rm(directory, { recursive: true });
    await expect(read()).rejects.toMatchObject({ code: 'ENOENT' });
    const other = await readerOf('012');
    await other.read();
    await rm(other.path('active.0.log'));
    await expect(other.read()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reads nothing after it is closed', async () => {
    const { read, reader } = await readerOf('012');
    await reader.close();
    expect(await read()).toBeUndefined();
  });
});
