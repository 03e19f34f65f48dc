import { crc32 as zlibCrc32 } from 'node:zlib';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { crc32 } from '../../lib/fobs/crc32.js';
import { NdArray, readNpz, writeNpz } from '../../lib/fobs/index.js';

const badData = (text: RegExp): unknown =>
  expect.objectContaining({ code: CommErrorCode.BAD_DATA, message: expect.stringMatching(text) as string });

const two = new Map([
  ['w', NdArray.float32([1, 2, 3, 4], [2, 2])],
  ['größe', new NdArray('int64', [], BigInt64Array.of(-7n))],
]);

/** A copy with some bytes changed, from the start, or from the end where negative. */
function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at < 0 ? copy.length + at : at);
  return copy;
}

describe('an npz file', () => {
  it('brings arrays back by their names', () => {
    expect(readNpz(writeNpz(two))).toEqual(two);
    expect(readNpz(writeNpz([]))).toEqual(new Map());
    expect(readNpz(writeNpz([['__proto__', NdArray.float64([1])]])).has('__proto__')).toBe(true);
  });

  it('has the checksum of zip', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (one, other) => {
        expect(crc32(other, crc32(one))).toBe(zlibCrc32(Buffer.concat([one, other])));
      }),
    );
  });

  it('is read with a comment behind it, and without zip64', () => {
    const classic = stored('w.npy', entryOf(NdArray.float64([5])));
    expect(readNpz(classic)).toEqual(new Map([['w', NdArray.float64([5])]]));
    const comment = Buffer.concat([patched(classic, -2, 3, 0), Buffer.from('hey')]);
    expect(readNpz(comment).size).toBe(1);
  });

  const one = writeNpz([['w', NdArray.float32([1])]]);
  const size = 128 + 4;
  const directoryAt = 30 + 5 + 20 + size;
  const sizeAt = directoryAt + 46 + 5 + 4;
  const npy = entryOf(NdArray.float64([1]));

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /no zip file, or is cut off/],
    ['no zip file', new Uint8Array(100), /no zip file, or is cut off/],
    ['a file that is cut off', one.subarray(0, -1), /no zip file, or is cut off/],
    ['one that begins too late', one.subarray(1), /cut off/],
    ['a compressed one', patched(one, directoryAt + 10, 8), /savez_compressed/],
    ['an encrypted one', patched(one, directoryAt + 8, 1), /encrypted/],
    ['two sizes', patched(one, sizeAt, size + 1), /two sizes/],
    ['a size beyond the end', patched(one, sizeAt, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1), /overlap|cut off/],
    ['a size of 2^64 - 1', patched(one, sizeAt, ...Array<number>(16).fill(0xff)), /overlap/],
    ['a header beyond the end', patched(one, sizeAt + 16, 0xff, 0xff), /cut off/],
    ['a size that is missing', patched(one, sizeAt - 4, 2), /missing/],
    ['a size that is cut off', patched(one, directoryAt + 30, 12), /missing|cut off/],
    ['a name beyond the end', patched(one, directoryAt + 28, 0xff, 0xff), /cut off/],
    ['another checksum', patched(one, 30 + 5 + 20 + size - 1, 9), /checksum/],
    ['a directory elsewhere', patched(one, -22 - 20 - 8, 1), /cut off/],
    ['more entries than there are', patched(one, -22 - 20 - 24, 2), /cut off/],
    ['2^63 entries', patched(one, -22 - 20 - 17, 0x80), /cut off/],
    ['an end of the directory elsewhere', patched(one, -22 - 12, 0), /cut off/],
    ['something that is no array', stored('w.txt', npy), /no array/],
    ['what is no npy file', stored('w.npy', new Uint8Array(40)), /npy/],
  ])('is refused: %s', (_name, bytes, text) => {
    expect(() => readNpz(bytes)).toThrow(badData(text));
  });

  it('is refused in one short line of text', () => {
    expect(() => readNpz(stored(`\u007f${'n'.repeat(10_000)}`, npy))).toThrow(/^[^\p{Cc}]{1,300}$/u);
  });

  it('is refused with a name twice, or files that share their bytes', () => {
    const twice = writeNpz([
      ['v', NdArray.float32([1])],
      ['w', NdArray.float32([2])],
    ]);
    twice[2 * (30 + 5 + 20 + size) + 46] = 'w'.charCodeAt(0);
    expect(() => readNpz(twice)).toThrow(badData(/second/));
    const shared = writeNpz(
      Array.from(
        { length: 20 },
        (_, index) => [`${10 + index}`, new NdArray('uint8', [1], Uint8Array.of(1))] as const,
      ),
    );
    const view = new DataView(shared.buffer);
    const start = Number(view.getBigUint64(shared.length - 22 - 20 - 8, true));
    for (let at = start, index = 0; index < 20; index += 1, at += 46 + 6 + 28) {
      view.setUint32(at + 16, 0, true);
      for (const field of [0, 8]) view.setBigUint64(at + 46 + 6 + 4 + field, 1_000n, true);
      view.setBigUint64(at + 46 + 6 + 4 + 16, 0n, true);
    }
    expect(() => readNpz(shared)).toThrow(badData(/overlap|checksum/));
  });
});

it('an npz file is not written with a name twice, nor with names that could collide', () => {
  const array = NdArray.float32([1]);
  expect(() =>
    writeNpz([
      ['w', array],
      ['w', array],
    ]),
  ).toThrow(badData(/second/));
  const digits = Array.from({ length: 4_097 }, (_, index) => [`${2_000_000 + index}`, array] as const);
  expect(readNpz(writeNpz(digits.slice(1))).size).toBe(4_096);
  expect(() => writeNpz(digits)).toThrow(badData(/large numbers/));
  const long = Array.from({ length: 65 }, (_, index) => [`${'x'.repeat(16_384)}${index}`, array] as const);
  expect(() => writeNpz(long)).toThrow(badData(/16383/));
});

function entryOf(array: NdArray): Uint8Array {
  const zip = writeNpz([['w', array]]);
  return zip.slice(30 + 5 + 20, 30 + 5 + 20 + 128 + array.data.byteLength);
}

/** A zip file with one file, as old as the format. */
function stored(name: string, content: Uint8Array): Uint8Array {
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x0403_4b50);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x0201_4b50);
  entry.writeUInt32LE(zlibCrc32(content), 16);
  entry.writeUInt32LE(content.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + name.length + content.length, 16);
  const bytes = Buffer.concat([local, Buffer.from(name), content, entry, Buffer.from(name), end]);
  return new Uint8Array(bytes);
}
