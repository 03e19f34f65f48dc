import { mkdir, open, readdir, readlink, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { firstValueFrom, timer } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { CommError, CommErrorCode } from '../../../lib/index.js';
import {
  connectedPair,
  FAST,
  listenOn,
  makeRoot,
  nextOf,
  numbered,
  numbersOf,
  plantConnection,
  untilEnd,
  withLeases,
} from './workspace.js';

afterEach(() => vi.restoreAllMocks());

/** What a promise rejects with. */
const failureOf = (ended: Promise<unknown>) =>
  ended.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a connection that ends', () => {
  it.each(['cleanly', 'for a reason', 'in the middle of a large frame'])(
    '%s lets go of every file',
    async (how) => {
      const { active, passive, path } = await connectedPair(await makeRoot());
      passive.maxFrameBytes = 64 * 1024 ** 2;
      const ended = failureOf(untilEnd(passive));
      const received = numbersOf(passive, 1);
      active.send(numbered(1));
      await received;
      expect(await openFilesIn(path)).not.toEqual([]);
      if (how === 'in the middle of a large frame') {
        active.send(numbered(2, 32 * 1024 ** 2));
        await firstValueFrom(timer(1));
      }
      await active.close(how === 'cleanly' ? undefined : new CommError(CommErrorCode.ERROR, 'enough'));
      await ended;
      await passive.close();
      expect(await openFilesIn(path)).toEqual([]);
    },
  );
});

/** What this process has open in the directory of a connection: its listener looks around beside it. */
async function openFilesIn(path: string): Promise<string[]> {
  const handles = await readdir('/proc/self/fd');
  const targets = await Promise.all(
    handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith(path));
}

describe('a file system that fails', () => {
  it.each(['reading', 'paused'])('ends connections whose directory is gone, while %s', async (state) => {
    const root = await makeRoot();
    const { active, passive, path } = await connectedPair(root, withLeases(0.05, 60));
    const failures = [active, passive].map((connection) => failureOf(untilEnd(connection)));
    if (state === 'paused') for (const connection of [active, passive]) connection.pause();
    // At once: both sides write into it while a recursive removal would walk through it.
    await rename(path, join(root, 'taken-away'));
    for (const failure of failures) {
      const error = await failure;
      expect(error).toBeInstanceOf(CommError);
      expect(error).toMatchObject({
        code: CommErrorCode.CLOSED,
        message: expect.stringContaining('the directory is gone') as unknown,
      });
    }
    await Promise.all([active.close(), passive.close()]);
  });

  it('ends a connection whose log is gone, and none other', async () => {
    const root = await makeRoot();
    const listener = await listenOn(root);
    let accepted = nextOf(listener);
    const path = await plantConnection(root, 'aaaaaaaaaaaa', { 'active.0.log': numbered(1) });
    const broken = await accepted;
    accepted = nextOf(listener);
    await plantConnection(root, 'bbbbbbbbbbbb', { 'active.0.log': numbered(2) });
    const other = await accepted;
    const failure = failureOf(untilEnd(broken));
    await rm(join(path, 'active.0.log'));
    expect(await failure).toMatchObject({ code: CommErrorCode.CLOSED });
    expect(await numbersOf(other, 1)).toEqual([2]);
  });

  it('ends a connection with a log that cannot be read', async () => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, `${FAST}&max_log_size=30`));
    const path = await plantConnection(root, 'aaaaaaaaaaaa', {
      'active.0.log': numbered(1),
      'active.0.sealed': new TextEncoder().encode('36'),
    });
    const passive = await accepted;
    const failure = failureOf(untilEnd(passive));
    await mkdir(join(path, 'active.1.log', 'something'), { recursive: true });
    expect(await failure).toMatchObject({
      code: CommErrorCode.BAD_DATA,
      message: expect.stringContaining('active.1.log is no regular file') as unknown,
    });
    await passive.close();
  });

  it('ends a connection when the disk is full, and tells what was not written', async () => {
    const { passive, path } = await connectedPair(await makeRoot());
    await using handle = await open(join(path, 'passive.0.log'), 'r');
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const handles = Object.getPrototypeOf(handle) as { writev: () => Promise<unknown> };
    vi.spyOn(handles, 'writev').mockRejectedValueOnce(full);
    const failure = failureOf(firstValueFrom(passive.closed$));
    passive.send(numbered(1));
    passive.send(numbered(2));
    expect(await failure).toMatchObject({
      code: CommErrorCode.ERROR,
      message: expect.stringContaining('ENOSPC') as unknown,
    });
    await passive.close();
    expect(passive.bufferedFrames).toBe(2);
    expect(() => passive.send(numbered(3))).toThrow(
      expect.objectContaining({ code: CommErrorCode.CLOSED }) as Error,
    );
  });
});
