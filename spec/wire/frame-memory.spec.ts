import { markAsUntransferable } from 'node:worker_threads';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { FrameMemory } from '../../lib/wire/frame-memory.js';

const KIB = 1024;
const MIB = 1024 ** 2;

/** Memory for a frame whose size is known from the start; counts what is fresh. */
let fresh = 0;
let memory = new FrameMemory();
const take = (bytes: number) =>
  memory.take(bytes, (length) => {
    fresh += 1;
    return new Uint8Array(length);
  });

beforeEach(() => {
  vi.useFakeTimers();
  fresh = 0;
  memory = new FrameMemory();
});

afterEach(() => {
  vi.advanceTimersByTime(20_000);
  expect(memory.idleBytes).toBe(0);
  vi.useRealTimers();
});

describe('memory that is given back', () => {
  it('is empty in every view, and used for the next frame that fits', () => {
    const frame = take(300 * KIB).fill(7);
    const payload = frame.subarray(20);
    expect(memory.giveBack(payload)).toBe(true);
    expect([frame.length, payload.length, frame.buffer.byteLength]).toEqual([0, 0, 0]);
    expect(() => payload.slice().set([1])).toThrow(TypeError);
    const next = take(270 * KIB);
    expect([fresh, next.length, next.buffer.byteLength]).toEqual([1, 270 * KIB, 300 * KIB]);
    next.fill(8);
    expect(frame.length).toBe(0);
    expect(memory.giveBack(next)).toBe(true);
  });

  it('is given back once', () => {
    const frame = take(300 * KIB);
    const view = frame.subarray(1);
    expect([memory.giveBack(frame), memory.giveBack(frame), memory.giveBack(view)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(memory.idleBytes).toBe(300 * KIB);
  });

  it('is not used for a frame that is larger, or much smaller', () => {
    memory.giveBack(take(500 * KIB));
    const frames = [take(500 * KIB + 1), take(399 * KIB)];
    expect([fresh, memory.idleBytes]).toEqual([3, 500 * KIB]);
    expect(take(400 * KIB).buffer.byteLength).toBe(500 * KIB);
    expect([fresh, frames.length]).toEqual([3, 2]);
  });

  it('shows nothing of the frame before behind the next one', () => {
    memory.giveBack(take(310 * KIB).fill(7));
    const next = take(300 * KIB).fill(8);
    expect(new Uint8Array(next.buffer, 300 * KIB)).toEqual(new Uint8Array(10 * KIB));
  });

  it('waits in 64 MiB at most, and in 64 pieces: the longest idle goes first', () => {
    for (const frame of [15, 15, 15, 16, 16].map((size) => take(size * MIB))) memory.giveBack(frame);
    expect(memory.idleBytes).toBe(62 * MIB);
    for (const frame of Array.from({ length: 64 }, () => take(300 * KIB))) memory.giveBack(frame);
    expect(memory.idleBytes).toBe(64 * 300 * KIB);
  });

  it('is let go of, each piece for itself, when it was not used for five to ten seconds', () => {
    memory.giveBack(take(300 * KIB));
    memory.giveBack(take(900 * KIB));
    for (let second = 1; second <= 4; second += 1) {
      vi.advanceTimersByTime(1_000);
      memory.giveBack(take(300 * KIB));
    }
    expect([fresh, memory.idleBytes]).toEqual([2, 1_200 * KIB]);
    vi.advanceTimersByTime(1_000);
    expect(memory.idleBytes).toBe(300 * KIB);
    vi.advanceTimersByTime(5_000);
    expect(memory.idleBytes).toBe(0);
    memory.giveBack(take(300 * KIB));
    expect(memory.idleBytes).toBe(300 * KIB);
  });

  it('is not kept where its receiver has given it to somebody else, or it cannot be detached', () => {
    const transferred = take(300 * KIB);
    structuredClone(transferred.buffer, { transfer: [transferred.buffer as ArrayBuffer] });
    memory.giveBack(transferred);
    const pinned = take(300 * KIB);
    markAsUntransferable(pinned.buffer);
    memory.giveBack(pinned);
    expect([memory.idleBytes, pinned.length]).toEqual([0, 300 * KIB]);
  });
});

describe('memory that is sent', () => {
  it.each(['before', 'after'])('is used again when every send is written, %s it is given back', (order) => {
    const frame = take(300 * KIB);
    const [head, rest] = [frame.subarray(0, 10), frame.subarray(10)];
    expect([memory.holdUntilWritten(head), memory.holdUntilWritten(rest)]).toEqual([true, true]);
    if (order === 'after') expect(memory.giveBack(frame)).toBe(true);
    memory.written(head);
    expect([frame.length, memory.idleBytes]).toEqual([300 * KIB, 0]);
    if (order === 'before') {
      memory.written(rest);
      expect(frame.length).toBe(300 * KIB);
      expect(memory.giveBack(frame)).toBe(true);
    } else memory.written(rest);
    expect([frame.length, memory.idleBytes]).toEqual([0, 300 * KIB]);
  });

  it("is nobody else's", () => {
    const mine = new Uint8Array(300 * KIB);
    expect(memory.holdUntilWritten(mine)).toBe(false);
    memory.written(mine);
    const seen = shared(take(300 * KIB));
    expect([memory.holdUntilWritten(seen), memory.giveBack(seen)]).toEqual([false, false]);
  });
});

describe('memory that a transport gets to write', () => {
  it('is not used again, unless somebody holds it until it is written', () => {
    const [sent, held] = [take(300 * KIB), take(300 * KIB)];
    memory.holdUntilWritten(held);
    memory.handOver(sent.subarray(10));
    memory.handOver(held.subarray(10));
    expect([memory.giveBack(sent), memory.giveBack(held)]).toEqual([false, true]);
    memory.written(held);
    expect([sent.length, held.length]).toEqual([300 * KIB, 0]);
  });
});

describe('memory that is not given back', () => {
  it.each<[string, () => Uint8Array]>([
    ['that of a small frame', () => take(256 * KIB)],
    ['that of others', () => new Uint8Array(300 * KIB)],
    [
      'that a frame does not fill',
      () => memory.own(new Uint8Array(new ArrayBuffer(600 * KIB), 0, 300 * KIB)),
    ],
    ['that somebody else sees', () => shared(take(300 * KIB))],
    ['that somebody else sees a part of', () => shared(take(300 * KIB), 1)],
  ])('is %s', (_, make) => {
    const frame = make();
    const { length } = frame;
    expect(memory.giveBack(frame)).toBe(false);
    expect([frame.length, memory.idleBytes]).toEqual([length, 0]);
  });

  it('is empty too where a transport has memory of its own, but is not kept', () => {
    const frame = memory.own(new Uint8Array(300 * KIB));
    expect([memory.giveBack(frame), frame.length, memory.idleBytes]).toEqual([true, 0, 0]);
  });
});

function shared(frame: Uint8Array, bytes = frame.length): Uint8Array {
  memory.share(frame.subarray(0, bytes));
  return frame;
}
