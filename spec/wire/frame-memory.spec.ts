import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { frameMemory, giveBack, idleMemory, ownFrame, shareMemory } from '../../lib/wire/frame-memory.js';

const KIB = 1024;
const MIB = 1024 ** 2;

/** Memory for a frame whose size is known from the start; counts what is fresh. */
let fresh = 0;
const take = (bytes: number, wanted = bytes) =>
  frameMemory(bytes, wanted, (length) => {
    fresh += 1;
    return new Uint8Array(length);
  });

beforeEach(() => {
  vi.useFakeTimers();
  fresh = 0;
});

afterEach(() => {
  vi.advanceTimersByTime(20_000);
  expect(idleMemory()).toBe(0);
  vi.useRealTimers();
});

describe('memory that is given back', () => {
  it('is empty in every view, and used for the next frame that fits', () => {
    const frame = take(300 * KIB).fill(7);
    const payload = frame.subarray(20);
    expect(giveBack(payload)).toBe(true);
    expect([frame.length, payload.length, frame.buffer.byteLength]).toEqual([0, 0, 0]);
    expect(() => payload.slice().set([1])).toThrow(TypeError);
    const next = take(270 * KIB);
    expect([fresh, next.length, next.buffer.byteLength]).toEqual([1, 270 * KIB, 300 * KIB]);
    next.fill(8);
    expect(frame.length).toBe(0);
    expect(giveBack(next)).toBe(true);
  });

  it('is given back once', () => {
    const frame = take(300 * KIB);
    const view = frame.subarray(1);
    expect([giveBack(frame), giveBack(frame), giveBack(view)]).toEqual([true, false, false]);
    expect(idleMemory()).toBe(300 * KIB);
  });

  it('is not used for a frame that is larger, or less than half as large', () => {
    giveBack(take(600 * KIB));
    const frames = [take(600 * KIB + 1), take(300 * KIB - 1)];
    expect([fresh, idleMemory()]).toEqual([3, 600 * KIB]);
    expect(take(300 * KIB).buffer.byteLength).toBe(600 * KIB);
    expect([fresh, frames.length]).toEqual([3, 2]);
  });

  it('is used at once for a frame that would grow to its size', () => {
    giveBack(take(16 * MIB));
    expect(take(MIB, 16 * MIB).length).toBe(16 * MIB);
    expect(take(MIB, 16 * MIB).length).toBe(MIB);
  });

  it('waits in 64 MiB at most, and in 64 pieces', () => {
    const large = Array.from({ length: 5 }, () => take(15 * MIB));
    expect(large.map((frame) => giveBack(frame))).toEqual([true, true, true, true, true]);
    expect([idleMemory(), ...large.map(({ length }) => length)]).toEqual([60 * MIB, 0, 0, 0, 0, 0]);
    vi.advanceTimersByTime(20_000);
    const small = Array.from({ length: 70 }, () => take(300 * KIB));
    for (const frame of small) giveBack(frame);
    expect(idleMemory()).toBe(64 * 300 * KIB);
  });

  it('is let go of when none was used for five to ten seconds', () => {
    giveBack(take(300 * KIB));
    giveBack(take(900 * KIB));
    vi.advanceTimersByTime(4_000);
    const frame = take(300 * KIB);
    vi.advanceTimersByTime(1_000);
    expect(idleMemory()).toBe(900 * KIB);
    vi.advanceTimersByTime(5_000);
    expect(idleMemory()).toBe(0);
    giveBack(frame);
    expect(idleMemory()).toBe(300 * KIB);
  });
});

describe('memory that is not given back', () => {
  it.each<[string, () => Uint8Array]>([
    ['that of a small frame', () => take(256 * KIB)],
    ['that of others', () => new Uint8Array(300 * KIB)],
    ['that a frame does not fill', () => ownFrame(new Uint8Array(new ArrayBuffer(600 * KIB), 0, 300 * KIB))],
    ['that somebody else sees', () => shared(take(300 * KIB))],
    ['that somebody else sees a part of', () => shared(take(300 * KIB), 1)],
  ])('is %s', (_, make) => {
    const frame = make();
    const { length } = frame;
    expect(giveBack(frame)).toBe(false);
    expect([frame.length, idleMemory()]).toEqual([length, 0]);
  });

  it('is used again where a transport says that a frame has it alone', () => {
    const frame = ownFrame(new Uint8Array(300 * KIB));
    expect([giveBack(frame), frame.length, take(300 * KIB).length, fresh]).toEqual([true, 0, 300 * KIB, 0]);
  });
});

function shared(frame: Uint8Array, bytes = frame.length): Uint8Array {
  shareMemory(frame.subarray(0, bytes));
  return frame;
}
