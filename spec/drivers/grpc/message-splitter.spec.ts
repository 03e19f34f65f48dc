import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MessageSplitter } from '../../../lib/drivers/grpc/message-splitter.js';
import { CommErrorCode } from '../../../lib/index.js';
import { grpcFrame } from '../../support/grpc-frame.js';
import { framed } from './raw-call.js';

const LIMIT = 1_000;

describe('MessageSplitter', () => {
  it('finds the same frames however the bytes are cut into chunks', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 300 }), (sent, chunkBytes) => {
        const bytes = Buffer.concat(sent.map((frame, index) => framed(grpcFrame(index, frame))));
        expect(split(bytes, chunkBytes)).toEqual(sent);
      }),
    );
  });

  it('shows a frame inside one chunk as a plain view, and copies one that straddles chunks', () => {
    const splitter = new MessageSplitter();
    const bytes = framed(grpcFrame(1, Uint8Array.of(1, 2, 3)));
    splitter.push(bytes);
    const view = splitter.shift(LIMIT);
    expect(view?.buffer).toBe(bytes.buffer);
    expect(view?.constructor).toBe(Uint8Array);
    splitter.push(bytes.subarray(0, 7));
    expect(splitter.shift(LIMIT)).toBeUndefined();
    expect(splitter.pendingBytes).toBe(7);
    splitter.push(bytes.subarray(7));
    const copy = splitter.shift(LIMIT);
    expect(copy).toEqual(view);
    expect(copy?.buffer).not.toBe(bytes.buffer);
    expect(splitter.pendingBytes).toBe(0);
  });

  it('takes a frame at the limit, and refuses one over it', () => {
    expect(split(framed(grpcFrame(1, new Uint8Array(LIMIT))), 100)).toEqual([new Uint8Array(LIMIT)]);
    expect(() => split(framed(grpcFrame(1, new Uint8Array(LIMIT + 1))), 2_000)).toThrow(
      'expected a frame of at most 1000 bytes, got 1001',
    );
  });

  it.each([
    [
      'a length over the limit, before anything else has come',
      framed(new Uint8Array(0), LIMIT + 23),
      /got 1023/,
    ],
    ['the largest length', framed(new Uint8Array(0), 0xffffffff), /got 4294967295/],
    ['a message that says it is compressed', Uint8Array.of(1, 0, 0, 0, 1), /compressed/],
    ['a message that is no Frame', framed(Uint8Array.of(0x12, 9)), /wants 9 bytes, but 0 are left/],
  ])('refuses %s', (_what, bytes, message) => {
    for (const chunkBytes of [1, 100]) {
      expect(() => split(bytes, chunkBytes)).toThrow(
        expect.objectContaining({
          code: CommErrorCode.BAD_DATA,
          message: expect.stringMatching(message) as string,
        }) as Error,
      );
    }
  });

  it('allocates little for a length that was only declared', () => {
    const before = process.memoryUsage().arrayBuffers;
    const splitter = new MessageSplitter();
    splitter.push(framed(new Uint8Array(1), 2 ** 31));
    expect(splitter.shift(2 ** 31)).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 ** 2);
  });
});

function split(bytes: Uint8Array, chunkBytes: number): Uint8Array[] {
  const splitter = new MessageSplitter();
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    splitter.push(bytes.subarray(at, at + chunkBytes));
    for (let frame = splitter.shift(LIMIT); frame !== undefined; frame = splitter.shift(LIMIT))
      frames.push(frame);
  }
  return frames;
}
