import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../../lib/comm-error.js';
import { FrameReader } from '../../../lib/drivers/tcp/frame-reader.js';
import { concatBytes } from '../../support/bytes.js';
import { seededRandom } from '../../support/random.js';

const LARGE = 1_000_000;

function frameOf(length: number, fill: number): Uint8Array {
  const frame = new Uint8Array(length).fill(fill);
  new DataView(frame.buffer).setUint32(0, length);
  return frame;
}

/** A reader and what it tells. Nothing connects the socket: reads are played by hand. */
function startReader(limit = 20_000_000, reader = new FrameReader()) {
  reader.onread.buffer();
  const told = { frames: [] as Uint8Array[], failures: [] as unknown[], alive: 0 };
  reader.start(new Socket(), {
    maxFrameBytes: () => limit,
    alive: () => (told.alive += 1),
    received: (frame) => told.frames.push(frame),
    ended: () => undefined,
    failed: (error) => told.failures.push(error),
  });
  return { reader, told };
}

/** What a read of the socket does: so many bytes into the buffer that was asked for. Says how many. */
function read({ onread }: FrameReader, stream: Uint8Array, at: number, most: number): number {
  const buffer = onread.buffer();
  const part = stream.subarray(at, at + Math.min(most, buffer.length));
  buffer.set(part);
  expect(onread.callback(part.length, buffer)).toBe(true);
  return part.length;
}

describe('FrameReader', () => {
  it('reads a stream that was paused on purpose and cannot be read in place', async () => {
    const stream = new PassThrough().pause();
    const frame = await new Promise<Uint8Array>((resolve, reject) => {
      new FrameReader().start(stream, {
        maxFrameBytes: () => 1_000,
        alive: () => undefined,
        received: resolve,
        ended: () => reject(new Error('it ended')),
        failed: reject,
      });
      stream.write(frameOf(100, 3));
    });
    expect(frame).toEqual(frameOf(100, 3));
  });

  it('retains what comes before it is started, as under TLS with the end of the handshake', () => {
    const stream = concatBytes([frameOf(100, 1), frameOf(200, 2)]);
    const reader = new FrameReader();
    for (const [at, end] of [
      [0, 50],
      [50, 300],
    ] as const)
      read(reader, stream.subarray(0, end), at, end - at);
    const { told } = startReader(20_000_000, reader);
    expect(told.frames).toEqual([frameOf(100, 1), frameOf(200, 2)]);
  });

  it('reads the rest of a large frame straight into its memory', () => {
    const { reader, told } = startReader();
    const frame = frameOf(LARGE, 1);
    read(reader, frame, 0, 1_000);
    const rest = reader.onread.buffer();
    expect(rest.length).toBe(LARGE - 1_000);
    rest.set(frame.subarray(1_000));
    reader.onread.callback(rest.length, rest);
    expect(told.frames[0]?.buffer).toBe(rest.buffer);
    expect(Buffer.compare(told.frames[0] ?? rest, frame)).toBe(0);
  });

  it('reads little behind a large frame, and much behind small ones', () => {
    const { reader } = startReader();
    const much = reader.onread.buffer().length;
    const stream = concatBytes([frameOf(LARGE, 1), frameOf(100, 2)]);
    let at = read(reader, stream, 0, 1_000);
    at += read(reader, stream, at, LARGE);
    const little = reader.onread.buffer().length;
    expect(little).toBeLessThan(much / 10);
    read(reader, stream, at, LARGE);
    expect(reader.onread.buffer().length).toBe(much);
    reader.stop();
  });

  it('keeps the frames of sockets apart, whatever is read in between', () => {
    const random = seededRandom(7);
    const lanes = Array.from({ length: 3 }, (_, lane) => {
      const frames = Array.from({ length: 60 }, (_, index) => {
        const length = index % 20 === lane ? LARGE : 16 + Math.floor(random() * 2_000);
        return frameOf(length, lane * 60 + index);
      });
      return { ...startReader(), frames, stream: concatBytes(frames), at: 0 };
    });
    while (lanes.some(({ at, stream }) => at < stream.length)) {
      const lane = lanes[Math.floor(random() * lanes.length)];
      if (lane === undefined || lane.at === lane.stream.length) continue;
      lane.at += read(lane.reader, lane.stream, lane.at, 1 + Math.floor(random() * 300_000));
    }
    for (const { reader, told, frames, stream } of lanes) {
      reader.stop();
      expect(told.frames.map(({ length }) => length)).toEqual(frames.map(({ length }) => length));
      expect(Buffer.compare(concatBytes(told.frames), stream)).toBe(0);
    }
  });

  it('reads what a busy socket gets without a copy, and what an idle one gets not into memory of its own', () => {
    const { reader, told } = startReader();
    const shared = reader.onread.buffer();
    const busy = frameOf(40_000, 1);
    read(reader, busy, 0, 40_000);
    expect(told.frames[0]?.buffer).not.toBe(shared.buffer);
    const slab = reader.onread.buffer();
    expect(slab.buffer).not.toBe(shared.buffer);
    read(reader, busy, 0, 40_000);
    expect(told.frames[1]?.buffer).toBe(slab.buffer);
    read(reader, frameOf(100, 2), 0, 100);
    expect(told.frames[2]?.buffer).toBe(slab.buffer);
    expect(reader.onread.buffer().buffer).toBe(shared.buffer);
    expect(told.frames).toEqual([busy, busy, frameOf(100, 2)]);
    reader.stop();
  });

  it('gives a few busy sockets memory of their own, and others when those have ended', () => {
    const busy = frameOf(40_000, 1);
    const shared = startReader().reader.onread.buffer();
    const readers = Array.from({ length: 100 }, () => startReader().reader);
    for (const reader of readers) read(reader, busy, 0, 40_000);
    const own = () => readers.filter(({ onread }) => onread.buffer().buffer !== shared.buffer).length;
    expect(own()).toBe(16);
    for (const reader of readers) reader.stop();
    expect(own()).toBe(0);
    for (const reader of readers) read(reader, busy, 0, 40_000);
    expect(own()).toBe(16);
    for (const reader of readers) reader.stop();
  });

  it('tells each read as a sign of life, and bad bytes as BAD_DATA', () => {
    const { reader, told } = startReader(100);
    const stream = concatBytes([frameOf(50, 1), frameOf(101, 1)]);
    read(reader, stream, 0, 20);
    read(reader, stream, 20, 1_000);
    expect(told.alive).toBe(2);
    expect(told.frames).toHaveLength(1);
    expect(told.failures).toEqual([expect.objectContaining({ code: CommErrorCode.BAD_DATA })]);
  });
});
