import { setImmediate } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { FrameSplitter } from '../../lib/wire/frame-splitter.js';
import { MAX_FRAME_BYTES } from '../../lib/wire/prefix.js';
import { chunksOf, concatBytes, fromHex } from '../support/bytes.js';
import { collectGarbage } from '../support/garbage.js';
import { goldenFrame, goldenFrames, goldenStream } from '../support/golden.js';

const MIB = 1024 * 1024;
const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as unknown;

function pushAll(splitter: FrameSplitter, chunks: readonly Uint8Array[], limit = 1_000_000): Uint8Array[] {
  return chunks.flatMap((chunk) => {
    splitter.push(chunk);
    return [...shiftAll(splitter, limit)];
  });
}

function* shiftAll(splitter: FrameSplitter, limit: number): Generator<Uint8Array> {
  for (let frame = splitter.shift(limit); frame !== undefined; frame = splitter.shift(limit)) yield frame;
}

function declaring(length: number, bytes: number): Uint8Array {
  const chunk = new Uint8Array(bytes);
  new DataView(chunk.buffer).setUint32(0, length);
  return chunk;
}

describe('FrameSplitter', () => {
  const { bytes } = goldenFrame('data');

  it('gives the frames of one chunk as views on it', () => {
    const frames = pushAll(new FrameSplitter(), [goldenStream]);
    expect(frames).toEqual(goldenFrames.map((golden) => golden.bytes));
    expect(frames.every(({ buffer }) => buffer === goldenStream.buffer)).toBe(true);
  });

  it('gives a frame that straddles chunks memory of its own', () => {
    const chunks = chunksOf(bytes, 100).map((chunk) => chunk.slice());
    const [frame] = pushAll(new FrameSplitter(), chunks);
    for (const chunk of chunks) chunk.fill(0);
    expect(frame).toEqual(bytes);
  });

  it('views the frames behind one that straddled', () => {
    const [first, second] = [bytes.subarray(0, 10), concatBytes([bytes.subarray(10), bytes])];
    const frames = pushAll(new FrameSplitter(), [first, second]);
    expect(frames).toEqual([bytes, bytes]);
    expect(frames[0]?.buffer).not.toBe(second.buffer);
    expect(frames[1]?.buffer).toBe(second.buffer);
  });

  it('never shares memory between two frames that straddle', () => {
    const [first, second] = pushAll(new FrameSplitter(), chunksOf(concatBytes([bytes, bytes]), 50));
    first?.fill(0);
    expect(second).toEqual(bytes);
  });

  it('counts the bytes that wait for the rest of their frame', () => {
    const splitter = new FrameSplitter();
    expect(splitter.pendingBytes).toBe(0);
    pushAll(splitter, [bytes.subarray(0, 5)]);
    expect(splitter.pendingBytes).toBe(5);
    pushAll(splitter, [bytes.subarray(5, 100)]);
    expect(splitter.pendingBytes).toBe(100);
    pushAll(splitter, [bytes.subarray(100)]);
    expect(splitter.pendingBytes).toBe(0);
    splitter.push(concatBytes([declaring(100, 100), declaring(100, 100)]));
    expect(splitter.pendingBytes).toBe(200);
    splitter.shift(100);
    expect(splitter.pendingBytes).toBe(100);
  });

  it('tells where the memory of a chunk is transferred before its last frame', () => {
    const splitter = new FrameSplitter();
    for (const [frames, isLoss] of [
      [[bytes, bytes], true],
      [[bytes, bytes.subarray(0, 5)], true],
      [[bytes], false],
    ] as const) {
      const { buffer } = concatBytes(frames);
      splitter.push(new Uint8Array(buffer));
      expect(splitter.shift(1_000_000)).toEqual(bytes);
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
      const next = () => splitter.shift(1_000_000);
      if (isLoss) expect(next).toThrow(/transferred the memory/);
      else expect(next()).toBeUndefined();
    }
    expect(pushAll(splitter, [bytes])).toEqual([bytes]);
  });

  it('is not disturbed by empty chunks', () => {
    const empty = new Uint8Array(0);
    const chunks = [empty, bytes.subarray(0, 20), empty, bytes.subarray(20), empty];
    expect(pushAll(new FrameSplitter(), chunks)).toEqual([bytes]);
  });

  it('puts a frame of 3 MiB together from small chunks', () => {
    const large = declaring(3 * MIB, 3 * MIB).map((byte, index) => (index < 16 ? byte : index % 251));
    const [frame] = pushAll(new FrameSplitter(), chunksOf(large, 60_001), 4 * MIB);
    expect(frame !== undefined && Buffer.compare(frame, large)).toBe(0);
  });

  it('keeps no chunk alive once its frames are shifted', async () => {
    const splitters = Array.from({ length: 100 }, () => new FrameSplitter());
    const chunks = splitters.map((splitter) => {
      const chunk = declaring(MIB, MIB);
      expect(pushAll(splitter, [chunk], MIB)).toHaveLength(1);
      return new WeakRef(chunk.buffer);
    });
    // Until the end of its turn what a WeakRef was made of is kept. Memory that is free is given back in another thread.
    await setImmediate();
    collectGarbage();
    expect(chunks.filter((chunk) => chunk.deref() !== undefined).length).toBeLessThan(20);
    expect(splitters.every(({ pendingBytes }) => pendingBytes === 0)).toBe(true);
  });

  it('allocates little for a large declared length, before and while bytes arrive', () => {
    const splitter = new FrameSplitter();
    const chunk = new Uint8Array(64 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    pushAll(splitter, [declaring(1024 * MIB, 17)], MAX_FRAME_BYTES);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
    for (let count = 0; count < 32; count += 1) pushAll(splitter, [chunk], MAX_FRAME_BYTES);
    expect(splitter.pendingBytes).toBe(17 + 2 * MIB);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
  });
});

describe('the room of a frame', () => {
  const large = declaring(1_000_000, 1_000_000).map((byte, index) => (index < 16 ? byte : index % 251));

  /** Pushes the first bytes and reads the others into the room, so many at a time. */
  function readIn(splitter: FrameSplitter, stream: Uint8Array, pushed: number, step: number): Uint8Array[] {
    const frames = pushAll(splitter, [stream.slice(0, pushed)], 20 * MIB);
    for (let at = pushed; at < stream.length;) {
      const { room } = splitter;
      const part = stream.slice(at, at + Math.min(step, room?.length ?? step));
      if (room === undefined) splitter.push(part);
      else {
        room.set(part);
        splitter.fill(part.length);
      }
      at += part.length;
      frames.push(...shiftAll(splitter, 20 * MIB));
    }
    return frames;
  }

  it('is none where no frame has begun, a length is not known, or little is missing', () => {
    const splitter = new FrameSplitter();
    expect(splitter.room).toBeUndefined();
    pushAll(splitter, [large.slice(0, 15)]);
    expect(splitter.room).toBeUndefined();
    pushAll(splitter, [large.slice(15, 960_000)]);
    expect(splitter.room).toBeUndefined();
  });

  it('is what the frame misses', () => {
    const splitter = new FrameSplitter();
    pushAll(splitter, [large.slice(0, 1_000)]);
    expect(splitter.room?.length).toBe(999_000);
    splitter.fill(100_000);
    expect(splitter.room?.length).toBe(899_000);
    expect(splitter.pendingBytes).toBe(101_000);
  });

  it.each([
    ['at once', 20 * MIB],
    ['in pieces', 70_001],
  ])('takes the bytes %s, and the frames are the same', (_, step) => {
    const stream = concatBytes([goldenStream, large, goldenStream, large, large, goldenStream]);
    const frames = readIn(new FrameSplitter(), stream, goldenStream.length + 5_000, step);
    expect(Buffer.compare(concatBytes(frames), stream)).toBe(0);
    expect(frames).toHaveLength(3 * goldenFrames.length + 3);
  });

  it('grows with a frame of 10 MiB, and never beyond it', () => {
    const huge = declaring(10 * MIB, 10 * MIB).fill(7, 16);
    const splitter = new FrameSplitter((bytes) => new Uint8Array(bytes).fill(255));
    const [frame] = readIn(splitter, huge, 20, MIB);
    expect(frame !== undefined && Buffer.compare(frame, huge)).toBe(0);
    expect(splitter.room).toBeUndefined();
  });
});

describe('the end of the stream', () => {
  const { bytes } = goldenFrame('data');

  it('is good behind a whole frame', () => {
    const splitter = new FrameSplitter();
    pushAll(splitter, [bytes]);
    expect(() => splitter.finish()).not.toThrow();
  });

  it('is CLOSED in the middle of one', () => {
    const splitter = new FrameSplitter();
    pushAll(splitter, [bytes.subarray(0, 20)]);
    const truncated = { code: CommErrorCode.CLOSED, detail: 'truncated' };
    expect(() => splitter.finish()).toThrow(expect.objectContaining(truncated) as Error);
    expect(() => splitter.finish()).toThrow('closed in the middle of a frame, 20 bytes after its start');
  });
});

describe('a length that cannot be right', () => {
  it.each([
    ['under 16', '0000000f'],
    ['0', '00000000'],
    ['over the limit', '00000065'],
    ['beyond 31 bits', 'ffffffff'],
  ])('is refused as BAD_DATA: %s, in one chunk and in pieces', (_, length) => {
    const frame = fromHex(length.padEnd(32, '0'));
    expect(() => pushAll(new FrameSplitter(), [frame], 100)).toThrow(badData);
    expect(() => pushAll(new FrameSplitter(), chunksOf(frame, 1), 100)).toThrow(badData);
  });

  it('is any over the limit, and one at the limit is good', () => {
    expect(pushAll(new FrameSplitter(), [declaring(100, 100)], 100)).toHaveLength(1);
    expect(() => pushAll(new FrameSplitter(), [declaring(100, 100)], 99)).toThrow(badData);
  });

  it.each([
    ['a length', '00112233000001000000000000000000', /got 1122867$/],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad').toString('hex'), 'HTTP'],
    ['a TLS alert', '15030300020228000000000000000000', 'TLS'],
    ['a TLS ClientHello', '16030100f7010000f303030000000000', 'TLS'],
  ])('names what came: %s', (_, hex, named) => {
    expect(() => pushAll(new FrameSplitter(), [fromHex(hex)])).toThrow(named);
  });

  it.each(['15000000', '16000000', '15ffffff', '14030300', '17030300'])(
    'names no TLS where only the number is alike: %s',
    (length) => {
      const shift = () => pushAll(new FrameSplitter(), [fromHex(length.padEnd(32, '0'))]);
      expect(shift).toThrow(badData);
      expect(shift).not.toThrow('TLS');
    },
  );
});
