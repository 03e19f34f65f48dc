import { open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { firstValueFrom } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { CommErrorCode } from '../../../lib/index.js';
import { FrameSplitter } from '../../../lib/wire/frame-splitter.js';
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
} from './workspace.js';

const SMALL = `${FAST}&max_log_size=1000`;

describe('rotation', () => {
  it.each(['active', 'passive'] as const)(
    'carries everything from the %s side and deletes what is read',
    async (from) => {
      const { active, passive, path } = await connectedPair(await makeRoot(), SMALL);
      const [sender, receiver] = from === 'active' ? [active, passive] : [passive, active];
      const count = 200;
      const received = numbersOf(receiver, count);
      for (let index = 0; index < count; index += 1) sender.send(numbered(index, 84));
      expect(await received).toEqual(Array.from({ length: count }, (_, index) => index));
      // 100 bytes a frame, so ten frames a log.
      await eventually(async () =>
        expect((await namesIn(path)).filter((name) => name.startsWith(`${from}.`))).toEqual([
          `${from}.20.log`,
          `${from}.lease`,
        ]),
      );
    },
  );

  it('seals a log with its size when it is full, and begins the next with a whole frame', async () => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, SMALL));
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    const passive = await accepted;
    const sizes = [0, 900, 84, 5_000, 984, 30];
    for (const [index, size] of sizes.entries()) passive.send(numbered(index, size));
    await passive.close();

    expect((await namesIn(path)).filter((name) => /^passive\.\d/.test(name))).toEqual([
      'passive.0.log',
      'passive.0.sealed',
      'passive.1.log',
      'passive.1.sealed',
      'passive.2.log',
      'passive.2.sealed',
      'passive.3.log',
    ]);
    const found: number[][] = [];
    for (const index of [0, 1, 2, 3]) {
      const log = await readFile(join(path, `passive.${index}.log`));
      if (index < 3)
        expect(await readFile(join(path, `passive.${index}.sealed`), 'utf8')).toBe(String(log.length));
      found.push(framesOf(log));
    }
    expect(found).toEqual([[0, 1, 2], [3], [4], [5]]);
  });

  it('waits for a reader that is four logs behind, and goes on when it has deleted one', async () => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, SMALL));
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    const passive = await accepted;
    passive.highWaterMarkBytes = 1_000;
    for (let sent = 0; sent < 4; sent += 1) {
      const drained = firstValueFrom(passive.drained$, { defaultValue: undefined });
      expect(passive.send(numbered(sent, 984))).toBe(false);
      if (sent < 3) await drained;
    }
    expect(passive.send(numbered(4, 84))).toBe(false);
    await eventually(async () => {
      expect((await stat(join(path, 'passive.3.sealed'))).size).toBeGreaterThan(0);
      expect((await stat(join(path, 'passive.4.log'))).size).toBe(0);
      expect(passive.bufferedFrames).toBe(1);
    });

    const drained = firstValueFrom(passive.drained$);
    const before = passive.activity;
    await rm(join(path, 'passive.0.log'));
    await drained;
    expect(passive.activity).toBeGreaterThan(before);
    await eventually(async () => expect((await stat(join(path, 'passive.4.log'))).size).toBe(100));
  });

  it.each([
    ['each append where that is asked for', 'fsync=true', 2],
    ['only what it seals otherwise', 'fsync=false', 1],
  ])('writes through %s', async (_, query, count) => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, `${SMALL}&${query}`));
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    const passive = await accepted;
    const file = await open(join(path, 'closed.log'), 'w');
    const sync = vi.spyOn(Object.getPrototypeOf(file) as typeof file, 'sync');
    await file.close();
    passive.send(numbered(1, 984));
    await passive.close();
    // A log that is sealed is written through once more.
    expect(sync).toHaveBeenCalledTimes(count);
    sync.mockRestore();
  });

  it('waits for nobody when it closes', async () => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, SMALL));
    const path = await plantConnection(root, 'aaaaaaaaaaaa');
    const passive = await accepted;
    for (let index = 0; index < 12; index += 1) passive.send(numbered(index, 984));
    await passive.close();
    expect(passive.bufferedFrames).toBe(0);
    expect(framesOf(await readFile(join(path, 'passive.11.log')))).toEqual([11]);
  });

  it('goes on where the next log comes after the seal', async () => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, SMALL));
    const path = await plantConnection(root, 'aaaaaaaaaaaa', { 'active.0.log': numbered(1, 1_000) });
    const passive = await accepted;
    const received = numbersOf(passive, 2);
    await writeFile(join(path, 'active.0.sealed'), '1016');
    await eventually(async () => expect(await readdir(path)).not.toContain('active.0.log'));
    await writeFile(join(path, 'active.1.log'), numbered(2));
    expect(await received).toEqual([1, 2]);
  });

  it('refuses a log that is sealed in the middle of a frame', async () => {
    const root = await makeRoot();
    const accepted = nextOf(await listenOn(root, SMALL));
    await plantConnection(root, 'aaaaaaaaaaaa', {
      'active.0.log': concatBytes([numbered(1, 1_000), numbered(2).subarray(0, 10)]),
      'active.0.sealed': new TextEncoder().encode('1026'),
      'active.1.log': numbered(2).subarray(10),
    });
    await expect(untilEnd(await accepted)).rejects.toMatchObject({ code: CommErrorCode.BAD_DATA });
  });
});

function framesOf(log: Uint8Array): number[] {
  const splitter = new FrameSplitter();
  splitter.push(new Uint8Array(log));
  const numbers: number[] = [];
  for (let frame = splitter.shift(1e6); frame !== undefined; frame = splitter.shift(1e6))
    numbers.push(numberOf(frame));
  expect(splitter.pendingBytes).toBe(0);
  return numbers;
}
