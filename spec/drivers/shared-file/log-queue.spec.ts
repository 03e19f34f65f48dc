import { describe, expect, it } from 'vitest';

import { LogQueue, type Portion } from '../../../lib/drivers/shared-file/log-queue.js';
import { concatBytes } from '../../support/bytes.js';
import { numbered } from './workspace.js';

describe('LogQueue', () => {
  it('gathers frames into one portion, in order', () => {
    const queue = new LogQueue(10_000);
    const frames = [numbered(1), numbered(2, 0), numbered(3, 9_000)];
    add(queue, frames);
    expect(queue.frames).toBe(3);
    expect(queue.bytes).toBe(concatBytes(frames).length);
    const [portion] = takeAll(queue);
    expect(contentOf(portion)).toEqual(concatBytes(frames));
    expect(portion).toMatchObject({ bytes: concatBytes(frames).length, frames: 3, endsLog: false });
    expect([queue.frames, queue.bytes]).toEqual([0, 0]);
  });

  it('ends a log with the frame that fills it, and never inside of one', () => {
    const queue = new LogQueue(100);
    add(queue, [numbered(1, 34), numbered(2, 34), numbered(3, 34), numbered(4, 500), numbered(5, 0)]);
    expect(takeAll(queue).map(({ bytes, frames, endsLog }) => ({ bytes, frames, endsLog }))).toEqual([
      { bytes: 100, frames: 2, endsLog: true },
      { bytes: 566, frames: 2, endsLog: true },
      { bytes: 16, frames: 1, endsLog: false },
    ]);
  });

  it('counts what was taken before towards the size of the log', () => {
    const queue = new LogQueue(100);
    add(queue, [numbered(1, 60)]);
    expect(takeAll(queue)).toMatchObject([{ endsLog: false }]);
    add(queue, [numbered(2, 8)]);
    expect(takeAll(queue)).toMatchObject([{ endsLog: true, bytes: 24 }]);
    add(queue, [numbered(3, 8)]);
    expect(takeAll(queue)).toMatchObject([{ endsLog: false, bytes: 24 }]);
  });

  it('leaves what is beyond a megabyte for the next portion', () => {
    const queue = new LogQueue(1e9);
    const frames = Array.from({ length: 5 }, (_, index) => numbered(index, 500_000));
    add(queue, frames);
    const portions = takeAll(queue);
    expect(portions.map(({ frames: count }) => count)).toEqual([3, 2]);
    expect(Buffer.compare(concatBytes(portions.map(contentOf)), concatBytes(frames))).toBe(0);
  });
});

function add(queue: LogQueue, frames: readonly Uint8Array[]): void {
  for (const frame of frames) queue.add(frame.slice(0, 16), frame.slice(16));
}

function takeAll(queue: LogQueue): Portion[] {
  const portions: Portion[] = [];
  for (let portion = queue.take(); portion !== undefined; portion = queue.take()) portions.push(portion);
  return portions;
}

function contentOf(portion: Portion | undefined): Uint8Array {
  return concatBytes(portion?.pieces ?? []);
}
