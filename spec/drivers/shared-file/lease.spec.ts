import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { firstValueFrom, Subject, type Subscription } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { look, touch } from '../../../lib/drivers/shared-file/files.js';
import { judgeLease, keepLease } from '../../../lib/drivers/shared-file/lease.js';
import { DEFAULT_TUNING } from '../../../lib/drivers/shared-file/tuning.js';
import { CommErrorCode } from '../../../lib/index.js';
import {
  age,
  connectedPair,
  eventually,
  listenOn,
  makeRoot,
  nextOf,
  numbered,
  numberOf,
  plantConnection,
  untilEnd,
  withLeases,
} from './workspace.js';

const tuning = { ...DEFAULT_TUNING, leaseIntervalMs: 2, leaseTimeoutMs: 300 };

describe('keepLease', () => {
  it('changes the lease again and again, and makes it where it is missing', async () => {
    const lease = join(await makeRoot(), 'active.lease');
    const keeping = keepLease(() => touch(lease, 0o660, undefined), tuning).subscribe();
    for (let round = 0; round < 3; round += 1) {
      await eventually(async () => expect((await look(lease))?.mtimeMs).toBeGreaterThan(Date.now() - 60_000));
      await age(lease, 3_600);
    }
    keeping.unsubscribe();
  });

  it('errors where its directory is gone', async () => {
    const lost = join(await makeRoot(), 'gone', 'active.lease');
    await expect(
      firstValueFrom(keepLease(() => touch(lost, 0o660, undefined), tuning)),
    ).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});

describe('judgeLease', () => {
  let judging: Subscription;
  afterEach(() => judging.unsubscribe());

  /** A judgement by a clock that stands unless it is set. */
  async function judge() {
    const lease = join(await makeRoot(), 'passive.lease');
    await writeFile(lease, '');
    const state = { now: 0, progress: 0, asked: 0 };
    const life = new Subject<void>();
    const failure = new Promise<unknown>((resolve) => {
      judging = judgeLease(
        lease,
        undefined,
        () => state.progress,
        tuning,
        () => {
          state.asked += 1;
          return state.now;
        },
      ).subscribe({ next: () => life.next(), error: resolve });
    });
    /** Resolves with the next sign of life, which proves that it was not given up before. */
    const signOf = async (cause: () => Promise<void> | void) => {
      const sign = firstValueFrom(life);
      await cause();
      await sign;
    };
    /** Resolves when it was looked at again, and found too young to be given up. */
    const spared = async () => {
      const { asked } = state;
      await eventually(async () => {
        await Promise.resolve();
        expect(state.asked).toBeGreaterThan(asked + 2);
      });
    };
    await firstValueFrom(life);
    return { lease, state, failure, signOf, spared };
  }

  it('gives up a lease that has not changed for the timeout', async () => {
    const { state, failure } = await judge();
    state.now = 301;
    expect(await failure).toMatchObject({ code: CommErrorCode.TIMEOUT });
  });

  it('takes each change for life, whatever time it says', async () => {
    const { lease, state, failure, signOf, spared } = await judge();
    state.now = 250;
    await spared();
    await signOf(() => age(lease, 86_400));
    state.now = 500;
    await spared();
    await signOf(() => age(lease, -86_400));
    state.now = 801;
    expect(await failure).toMatchObject({ code: CommErrorCode.TIMEOUT });
  });

  it('takes what came for life', async () => {
    const { state, failure, signOf, spared } = await judge();
    state.now = 250;
    await signOf(() => {
      state.progress += 1;
    });
    state.now = 500;
    await spared();
    state.now = 551;
    expect(await failure).toMatchObject({ code: CommErrorCode.TIMEOUT });
  });
});

describe('a peer that was killed', () => {
  it('ends the connection with TIMEOUT', async () => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, withLeases(0.05, 0.3)));
    await plantConnection(root, 'aaaaaaaaaaaa', {
      'active.0.log': numbered(1),
      'active.lease': new Uint8Array(0),
    });
    const passive = await accepted;
    const seen: number[] = [];
    const failure = new Promise((resolve) => {
      passive.frames$.subscribe({ next: (frame) => seen.push(numberOf(frame)), error: resolve });
    });
    expect(await failure).toMatchObject({
      code: CommErrorCode.TIMEOUT,
      message: expect.stringContaining('active.lease') as unknown,
    });
    expect(seen).toEqual([1]);
  });

  it('is not judged while nobody looks, and what it left is read', async () => {
    const root = await makeRoot();
    const listener = await listenOn(root, withLeases(0.05, 0.3));
    const accepted = nextOf(listener);
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    const passive = await accepted;
    const all = untilEnd(passive);
    passive.pause();
    await appendFile(join(path, 'active.0.log'), numbered(1));
    // Another peer that is as dead, and came later, is given up first.
    const other = nextOf(listener);
    await plantConnection(root, 'bbbbbbbbbbbb');
    await expect(untilEnd(await other)).rejects.toMatchObject({ code: CommErrorCode.TIMEOUT });
    await appendFile(join(path, 'active.0.log'), numbered(2));
    await writeFile(join(path, 'closed'), '');
    passive.resume();
    expect(await all).toEqual([1, 2]);
  });

  it('is told from one that is only silent', async () => {
    const { active, passive } = await connectedPair(await makeRoot(), withLeases(0.01, 60));
    const all = untilEnd(passive);
    const before = passive.activity;
    await eventually(async () => {
      await Promise.resolve();
      expect(passive.activity).toBeGreaterThan(before + 3);
    });
    active.send(numbered(1));
    await active.close();
    expect(await all).toEqual([1]);
  });
});
