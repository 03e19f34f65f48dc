import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommErrorCode, type Connection } from '../../../lib/index.js';
import { concatBytes } from '../../support/bytes.js';
import {
  connectedPair,
  eventually,
  FAST,
  listenOn,
  makeRoot,
  namesIn,
  nextOf,
  numbered,
  numberOf,
  numbersOf,
  plantConnection,
  untilEnd,
  withLeases,
} from './workspace.js';

/** A listener's side of a connection whose other side is worked by hand. */
async function byHand(
  files: Readonly<Record<string, Uint8Array>> = {},
  query = FAST,
): Promise<{ passive: Connection; path: string; log: string }> {
  const root = await makeRoot();
  const accepted = nextOf(await listenOn(root, query));
  const path = await plantConnection(root, 'aaaaaaaaaaaa', files);
  return { passive: await accepted, path, log: join(path, 'active.0.log') };
}

describe('a log that can be seen in part', () => {
  it.each([1, 3, 4, 16, 30])('waits for the rest of a frame after %i bytes of it', async (visible) => {
    const { passive, log } = await byHand();
    const received = numbersOf(passive, 2);
    const first = numbersOf(passive, 1);
    await appendFile(log, concatBytes([numbered(1), numbered(2).subarray(0, visible)]));
    expect(await first).toEqual([1]);
    await appendFile(log, numbered(2).subarray(visible));
    expect(await received).toEqual([1, 2]);
  });

  it('gives the same frames byte by byte', async () => {
    const { passive, log } = await byHand();
    const frames = [numbered(1), numbered(2, 0), numbered(3, 50)];
    const received = firstValueFrom(passive.frames$.pipe(toArray()));
    for (const byte of concatBytes(frames)) await appendFile(log, Uint8Array.of(byte));
    await writeFile(join(log, '..', 'closed'), '');
    expect((await received).map((frame) => Buffer.from(frame))).toEqual(
      frames.map((frame) => Buffer.from(frame)),
    );
  });

  it('gives what was there before the listener came', async () => {
    const { passive } = await byHand({ 'active.0.log': concatBytes([numbered(1), numbered(2)]) });
    expect(await numbersOf(passive, 2)).toEqual([1, 2]);
  });

  it.each([0, 15, 0x7fff_ffff])('ends with BAD_DATA at a length of %i', async (length) => {
    const bad = numbered(2);
    new DataView(bad.buffer).setUint32(0, length);
    const { passive, path, log } = await byHand();
    const seen: number[] = [];
    const failure = new Promise((resolve) => {
      passive.frames$.subscribe({ next: (frame) => seen.push(numberOf(frame)), error: resolve });
    });
    await appendFile(log, concatBytes([numbered(1), bad, numbered(3)]));
    expect(await failure).toMatchObject({ code: CommErrorCode.BAD_DATA });
    expect(seen).toEqual([1]);
    await eventually(async () => expect(await readdir(path)).toContain('closed'));
  });
});

describe('the closed marker', () => {
  it('comes after all frames, which are read to the end', async () => {
    const frames = Array.from({ length: 3_000 }, (_, index) => numbered(index, 1_000));
    const { passive } = await byHand({});
    const path = passive.properties.local_addr.split('#', 1)[0] ?? '';
    await appendFile(join(path, 'active.0.log'), concatBytes(frames));
    await writeFile(join(path, 'closed'), '');
    expect(await untilEnd(passive)).toEqual(frames.map((_, index) => index));
  });

  it('may be seen before the last frames', async () => {
    // 20 looks of 50 ms each, which is longer than the lease of one that has ended may stand still.
    const query = withLeases(0.05, 0.7).replace('poll_interval=0.002', 'poll_interval=0.05');
    const { passive, path, log } = await byHand({}, query);
    const all = untilEnd(passive);
    await writeFile(join(path, 'closed'), '');
    await appendFile(log, numbered(1));
    await appendFile(log, numbered(2));
    expect(await all).toEqual([1, 2]);
  });

  it('is an error in the middle of a frame', async () => {
    const { passive, path, log } = await byHand();
    const all = untilEnd(passive);
    await appendFile(log, numbered(1).subarray(0, 20));
    await writeFile(join(path, 'closed'), '');
    await expect(all).rejects.toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('waits for a paused connection, which then reads everything', async () => {
    const { active, passive } = await connectedPair(await makeRoot());
    const all = untilEnd(passive);
    passive.pause();
    for (let index = 0; index < 10; index += 1) active.send(numbered(index));
    await active.close();
    passive.resume();
    expect(await all).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is written behind all frames, and the lease of the active side goes', async () => {
    const { active, path } = await connectedPair(await makeRoot());
    for (let index = 0; index < 10; index += 1) active.send(numbered(index));
    await active.close();
    expect(await namesIn(path)).toEqual(['active.0.log', 'closed', 'passive.0.log', 'passive.lease']);
  });

  it('is written also where a connection ends for a reason', async () => {
    const { passive, path, log } = await byHand();
    const all = untilEnd(passive);
    await appendFile(log, new Uint8Array(16));
    await expect(all).rejects.toMatchObject({ code: CommErrorCode.BAD_DATA });
    await passive.close();
    expect(await namesIn(path)).toContain('closed');
  });
});
