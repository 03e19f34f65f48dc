import { describe, expect, it } from 'vitest';

import { borrowMemory, returnMemory } from '../../../lib/drivers/node/borrowed-memory.js';
import { type LazyPayload, WriteBatch } from '../../../lib/drivers/node/write-batch.js';
import { concatBytes } from '../../support/bytes.js';
import { seededRandom } from '../../support/random.js';

const EVERYTHING = Infinity;

/** Bytes that are unlike those beside them. */
function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = index * 7 + seed * 31;
  return bytes;
}

describe('WriteBatch', () => {
  it('gives back the bytes of all frames in order, whatever their sizes and however they are taken', () => {
    const random = seededRandom(11);
    const sizes = [0, 1, 100, 5_000, 8_192, 8_193, 20_000, 64 * 1024, 200_000];
    const batch = new WriteBatch();
    const [written, taken]: [Uint8Array[], Uint8Array[]] = [[], []];
    let frames = 0;
    for (let count = 0; count < 1_500; count += 1) {
      const head = bytesOf(16 + Math.floor(random() * 100), count);
      const payload =
        random() < 0.2 ? undefined : bytesOf(sizes[Math.floor(random() ** 3 * sizes.length)] ?? 0, count);
      batch.add(head, payload);
      written.push(head, payload ?? new Uint8Array(0));
      if (random() < 0.1) {
        const maxBytes = Math.floor(random() * 300_000);
        const { pieces, bytes, frames: ended } = batch.take(maxBytes);
        expect(bytes).toBeLessThanOrEqual(maxBytes);
        expect(concatBytes(pieces)).toHaveLength(bytes);
        taken.push(...pieces);
        frames += ended;
      }
    }
    const rest = batch.take(EVERYTHING);
    expect(Buffer.compare(concatBytes([...taken, ...rest.pieces]), concatBytes(written))).toBe(0);
    expect(frames + rest.frames).toBe(1_500);
    expect([batch.bytes, batch.frames]).toEqual([0, 0]);
  });

  it('gathers small frames into one piece, or two where a slab ends between them', () => {
    const piecesOfBatch = (): number => {
      const batch = new WriteBatch();
      for (let count = 0; count < 100; count += 1) batch.add(bytesOf(16, count), bytesOf(100, count));
      const { pieces, bytes, frames } = batch.take(EVERYTHING);
      expect([bytes, frames]).toEqual([11_600, 100]);
      return pieces.length;
    };
    // All batches of a process share the slab, those of other spec files too: at most one of two meets its end.
    expect([
      [1, 1],
      [1, 2],
      [2, 1],
    ]).toContainEqual([piecesOfBatch(), piecesOfBatch()]);
  });

  it('passes a large payload by reference, behind its head', () => {
    const batch = new WriteBatch();
    const [head, payload] = [bytesOf(20, 1), bytesOf(100_000, 2)];
    batch.add(head, payload);
    const { pieces } = batch.take(EVERYTHING);
    expect(pieces[0]).toEqual(Buffer.from(head));
    expect(pieces[1]).toBe(payload);
  });

  it('copies heads and small payloads, since the caller may use their memory again', () => {
    const batch = new WriteBatch();
    const [head, payload] = [bytesOf(16, 1), bytesOf(50, 2)];
    batch.add(head, payload);
    head.fill(0);
    payload.fill(0);
    expect(concatBytes(batch.take(EVERYTHING).pieces)).toEqual(concatBytes([bytesOf(16, 1), bytesOf(50, 2)]));
  });

  it('never writes over what it gave out', () => {
    const batch = new WriteBatch();
    batch.add(bytesOf(16, 1), bytesOf(100, 2));
    const { pieces } = batch.take(EVERYTHING);
    const before = concatBytes(pieces);
    for (let count = 0; count < 2_000; count += 1) batch.add(bytesOf(16, 9), bytesOf(100, 9));
    expect(concatBytes(pieces)).toEqual(before);
  });

  it('takes a head that is larger than any slab', () => {
    const batch = new WriteBatch();
    const head = bytesOf(16 + 65_535, 3);
    batch.add(bytesOf(16, 1), undefined);
    batch.add(head, bytesOf(10, 4));
    const bytes = concatBytes(batch.take(EVERYTHING).pieces);
    expect(Buffer.compare(bytes, concatBytes([bytesOf(16, 1), head, bytesOf(10, 4)]))).toBe(0);
  });
});

describe('batches side by side', () => {
  it('each give back their own bytes in order, though they share their memory', () => {
    const random = seededRandom(12);
    const batches = Array.from({ length: 5 }, () => new WriteBatch());
    const written = batches.map((): Uint8Array[] => []);
    const taken = batches.map((): Uint8Array[] => []);
    let frames = 0;
    for (let count = 0; count < 3_000; count += 1) {
      const index = Math.floor(random() * batches.length);
      const head = bytesOf(16 + Math.floor(random() * 200), count);
      const payload = bytesOf(Math.floor(random() ** 4 * 10_000), count);
      batches[index]?.add(head, payload);
      written[index]?.push(head, payload);
      if (random() < 0.2) {
        const other = Math.floor(random() * batches.length);
        const batch = batches[other]?.take(Math.floor(random() * 20_000));
        taken[other]?.push(...(batch?.pieces ?? []));
        frames += batch?.frames ?? 0;
      }
    }
    for (const [index, batch] of batches.entries()) {
      const rest = batch.take(EVERYTHING);
      frames += rest.frames;
      const all = concatBytes([...(taken[index] ?? []), ...rest.pieces]);
      expect(Buffer.compare(all, concatBytes(written[index] ?? []))).toBe(0);
    }
    expect(frames).toBe(3_000);
  });

  it('never write over what another gave out', () => {
    const [first, second] = [new WriteBatch(), new WriteBatch()];
    first.add(bytesOf(16, 1), bytesOf(100, 2));
    const { pieces } = first.take(EVERYTHING);
    const before = concatBytes(pieces);
    for (let count = 0; count < 2_000; count += 1) second.add(bytesOf(16, 9), bytesOf(100, 9));
    expect(concatBytes(pieces)).toEqual(before);
  });

  it('take little memory each: 10,000 of them with one small frame', () => {
    const before = process.memoryUsage().arrayBuffers;
    const batches = Array.from({ length: 10_000 }, () => new WriteBatch());
    for (const batch of batches) batch.add(bytesOf(16, 1), undefined);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(batches.every(({ bytes }) => bytes === 16)).toBe(true);
  });
});

describe('a lazy payload', () => {
  /** Counts how often its bytes are made. */
  function lazy(bytes: Uint8Array, made: Uint8Array[]): LazyPayload {
    return {
      length: bytes.length,
      subarray: (begin, end) => lazy(bytes.subarray(begin, end), made),
      writeTo: (target) => {
        made.push(bytes);
        target.set(bytes);
      },
    };
  }

  it('is made when it is taken, once, in its place among the others', () => {
    const batch = new WriteBatch();
    const made: Uint8Array[] = [];
    batch.add(bytesOf(16, 1), lazy(bytesOf(10, 2), made));
    batch.add(bytesOf(16, 3), bytesOf(10, 4));
    batch.add(bytesOf(16, 5), lazy(bytesOf(100_000, 6), made));
    expect(made).toEqual([]);
    const parts = [50_000, EVERYTHING].map((most) => batch.take(most).pieces.map((piece) => piece.slice()));
    const expected = concatBytes([
      ...[bytesOf(16, 1), bytesOf(10, 2), bytesOf(16, 3), bytesOf(10, 4)],
      ...[bytesOf(16, 5), bytesOf(100_000, 6)],
    ]);
    expect(Buffer.compare(concatBytes(parts.flat()), expected)).toBe(0);
    expect(made.map(({ length }) => length)).toEqual([10, 50_000 - 68, 100_068 - 50_000]);
  });

  it('is written to borrowed memory, and others are not', () => {
    const batch = new WriteBatch();
    batch.add(bytesOf(16, 1), bytesOf(10, 2));
    expect(batch.take(EVERYTHING).borrowed).toBeUndefined();
    batch.add(bytesOf(16, 1), lazy(bytesOf(9_000, 2), []));
    const { pieces, borrowed } = batch.take(EVERYTHING);
    expect(pieces.map(({ buffer }) => buffer === borrowed?.buffer)).toEqual([false, true]);
  });
});

describe('borrowed memory', () => {
  it('is lent again when it came back, and not before', () => {
    const first = borrowMemory(10);
    const second = borrowMemory(10);
    expect(second === first).toBe(false);
    returnMemory(first);
    expect(borrowMemory(1_000_000)).toBe(first);
    expect([second, first].includes(borrowMemory(10))).toBe(false);
  });

  it('is of the size that is asked for, and not kept where that is large', () => {
    const large = borrowMemory(3_000_000);
    expect(large).toHaveLength(3_000_000);
    returnMemory(large);
    // Where they differ, vitest would compare what is in them too, byte by byte.
    expect(borrowMemory(3_000_000) === large).toBe(false);
  });

  it('is kept in a few pieces, whatever comes back', () => {
    const lent = Array.from({ length: 20 }, () => borrowMemory(10));
    for (const memory of lent) returnMemory(memory);
    const again = Array.from({ length: 20 }, () => borrowMemory(10));
    expect(again.filter((memory) => lent.includes(memory))).toHaveLength(4);
  });
});

describe('taking', () => {
  it('cuts a large payload at the limit, and counts its frame where it ends', () => {
    const batch = new WriteBatch();
    batch.add(bytesOf(20, 1), bytesOf(100_000, 2));
    const parts = [50_000, 50_000, 50_000].map((maxBytes) => batch.take(maxBytes));
    expect(parts.map(({ bytes, frames }) => [bytes, frames])).toEqual([
      [50_000, 0],
      [50_000, 0],
      [20, 1],
    ]);
    const expected = concatBytes([bytesOf(20, 1), bytesOf(100_000, 2)]);
    expect(Buffer.compare(concatBytes(parts.flatMap(({ pieces }) => pieces)), expected)).toBe(0);
  });

  it('leaves the rest with its bytes and frames', () => {
    const batch = new WriteBatch();
    for (let count = 0; count < 3; count += 1) batch.add(bytesOf(16, count), bytesOf(10_000, count));
    expect([batch.bytes, batch.frames]).toEqual([30_048, 3]);
    batch.take(10_016);
    expect([batch.bytes, batch.frames]).toEqual([20_032, 2]);
  });

  it('gives nothing of nothing', () => {
    expect(new WriteBatch().take(EVERYTHING)).toEqual({ pieces: [], bytes: 0, frames: 0 });
    const batch = new WriteBatch();
    batch.add(bytesOf(16, 1), undefined);
    expect(batch.take(0)).toEqual({ pieces: [], bytes: 0, frames: 0 });
    expect(batch.frames).toBe(1);
  });
});
