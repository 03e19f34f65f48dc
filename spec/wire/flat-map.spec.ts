import { Decoder, Encoder } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { GIVE_UP, MAX_FLAT_BYTES, readFlatMap, writeFlatMap } from '../../lib/wire/flat-map.js';
import { SPARE_BYTES } from '../../lib/wire/short-text.js';

const read = (bytes: Uint8Array) => readFlatMap(bytes, 0, bytes.length);
const library = { encoder: new Encoder(), decoder: new Decoder() };
/** Lists are written while as much is free behind them as all else can take. */
const written = new Uint8Array(2 * MAX_FLAT_BYTES);
const target = new DataView(written.buffer);

const text = fc.string({ unit: 'binary-ascii', maxLength: 255 });
const integer = fc.oneof(fc.integer({ min: -32, max: 0xff }), fc.integer({ min: 0, max: 0xffffffff }));
const float = fc.double().filter((value) => !Number.isInteger(value));
const single = fc.oneof(text, integer, float, fc.boolean(), fc.constant(null));
const list = fc.array(fc.oneof(single, fc.array(single, { maxLength: 3 })), { maxLength: 4 });
const simpleMap = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  fc.oneof(single, single, single, list),
  { maxKeys: 15, noNullPrototype: true },
);

describe('flat maps', () => {
  it('are written as the library writes them, and read as it reads them', () => {
    fc.assert(
      fc.property(simpleMap, (map) => {
        const end = writeFlatMap(map, target, 0);
        const bytes = library.encoder.encode(map);
        expect(Buffer.compare(written.subarray(0, end), bytes)).toBe(0);
        expect(read(bytes)).toEqual(map);
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  it('are read as the library reads them, or not at all, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0x80, max: 0x8f }), (tail, first) => {
        const bytes = Uint8Array.of(first, ...tail);
        const map = read(bytes);
        if (map !== undefined) expect(library.decoder.decode(bytes)).toEqual(map);
      }),
      { seed: 2, numRuns: 20_000 },
    );
  });

  it('are read in no cut or mutated form that the library would not read so', () => {
    const bytes = library.encoder.encode({
      topic: 'task',
      round: 300,
      large: 70_000,
      yes: true,
      none: null,
      minus: -5,
      route: [['site-1', 0.5], [], [true]],
    });
    for (let length = 0; length < bytes.length; length += 1)
      expect(read(bytes.subarray(0, length))).toBeUndefined();
    expect(read(Uint8Array.of(...bytes, 0))).toBeUndefined();
    for (let index = 0; index < bytes.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const mutant = bytes.slice();
        mutant[index] = (mutant[index] ?? 0) ^ (1 << bit);
        const map = read(mutant);
        if (map !== undefined) expect(library.decoder.decode(mutant)).toEqual(map);
      }
    }
  });

  it.each([
    ...[0, 1, 0x7f, 0x80, 0xff, 0x100, 0x101, 0xffff, 0x10000, 0x10001, 0xffffffff, -1, -31, -32],
    ...[31, 32, 254, 255].map((length) => 'x'.repeat(length)),
    ...[0.5, -1.5, 1764133297.123, Number.MIN_VALUE, Infinity, -Infinity, Number.NaN],
  ])('hold %s', (value) => {
    const map = { before: true, value, behind: null };
    const bytes = library.encoder.encode(map);
    const end = writeFlatMap(map, target, 0);
    expect(Buffer.from(written.subarray(0, end))).toEqual(Buffer.from(bytes));
    expect(read(bytes)).toEqual(map);
    for (let length = 0; length < bytes.length; length += 1)
      expect(read(bytes.subarray(0, length))).toBeUndefined();
  });

  it.each([
    ['empty', []],
    [
      'a route',
      [
        ['site-1', 1764133297.123],
        ['server', 1764133297.124],
        ['site-2.job', 0.5],
      ],
    ],
    ['15 items', Array.from({ length: 15 }, (_, index) => index * 70_000)],
  ])('hold a list: %s', (_name, list) => {
    const map = { before: true, list, behind: null };
    const bytes = library.encoder.encode(map);
    const end = writeFlatMap(map, target, 0);
    expect(Buffer.from(written.subarray(0, end))).toEqual(Buffer.from(bytes));
    expect(read(bytes)).toEqual(map);
    for (let length = 0; length < bytes.length; length += 1)
      expect(read(bytes.subarray(0, length))).toBeUndefined();
  });

  it('hold no list behind which all else might find no room', () => {
    const target = new DataView(new ArrayBuffer(MAX_FLAT_BYTES + 10));
    expect(writeFlatMap({ a: ['bcd'] }, target, 0)).toBe(8);
    expect(writeFlatMap({ a: ['bcd', 1, 2] }, target, 0)).toBe(10);
    expect(writeFlatMap({ a: ['bcd', 1, 2, 3] }, target, 0)).toBe(GIVE_UP);
  });

  it('are as large as can be with 15 entries of 255 characters each, with nothing to spare', () => {
    const entries = Array.from({ length: 15 }, (_, index) => {
      const long = String.fromCharCode(97 + index).repeat(255);
      return [long, long];
    });
    const map = Object.fromEntries(entries) as Record<string, string>;
    const end = writeFlatMap(map, target, 0);
    expect(end).toBe(MAX_FLAT_BYTES - SPARE_BYTES);
    expect(read(written.subarray(0, end))).toEqual(map);
  });

  it('look at no character of a short key or value that is in the cache, and cache no value of 13 and more', () => {
    const setUint8 = vi.spyOn(target, 'setUint8');
    const map = { 'a-key-of-13-ch': 'twelve-chars' };
    writeFlatMap(map, target, 0);
    setUint8.mockClear();
    writeFlatMap(map, target, 0);
    // The type of the map alone.
    expect(setUint8).toHaveBeenCalledTimes(1);
    const long = { a: 'a-value-of-13' };
    writeFlatMap(long, target, 0);
    setUint8.mockClear();
    writeFlatMap(long, target, 0);
    expect(setUint8).toHaveBeenCalledTimes(1 + 14);
    setUint8.mockRestore();
  });

  it.each([
    ['text that is not ASCII', { a: 'ü' }],
    ['a key that is not ASCII', { ü: 1 }],
    ['long text', { a: 'x'.repeat(256) }],
    ['an integer beyond 32 bits', { a: 2 ** 32 }],
    ['an integer below -32', { a: -33 }],
    ['a bigint', { a: 1n }],
    ['bytes', { a: Uint8Array.of(1) }],
    ['a list of a map', { a: [{ b: 1 }] }],
    ['a list in a list in a list', { a: [[[1]]] }],
    ['a list of 16', { a: Array.from({ length: 16 }, () => 1) }],
    ['a list with a hole', { a: [1, undefined as unknown as number] }],
    ['a map', { a: { b: 1 } }],
    ['16 entries', Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`k${index}`, index]))],
  ])('leave %s to the library', (_name, map) => {
    expect(writeFlatMap(map, target, 0)).toBe(GIVE_UP);
    expect(writeFlatMap({ before: 1, ...map, behind: 2 }, target, 0)).toBe(GIVE_UP);
  });

  it('leave out what is undefined, and refuse a __proto__ key', () => {
    expect(writeFlatMap({ a: undefined }, target, 3)).toBe(4);
    expect(written[3]).toBe(0x80);
    expect(writeFlatMap(JSON.parse('{"__proto__": "x"}') as { a: 1 }, target, 0)).toBe(GIVE_UP);
    expect(read(new Uint8Array(Buffer.from('81a95f5f70726f746f5f5fa161', 'hex')))).toBeUndefined();
  });

  it('are read from the middle of a frame, and not beyond their end', () => {
    const bytes = library.encoder.encode({ a: 'b' });
    const frame = Uint8Array.of(0x81, 0x81, ...bytes, 0x01);
    expect(readFlatMap(frame, 2, 2 + bytes.length)).toEqual({ a: 'b' });
    expect(readFlatMap(frame, 2, frame.length)).toBeUndefined();
    expect(readFlatMap(frame, 2, 1 + bytes.length)).toBeUndefined();
  });

  it('tell strings apart that share a place among those that are kept', () => {
    const lengths = [0, 1, 2, 3, 4, 11, 12, 13, 30, 31, 32];
    const near = fc
      .tuple(fc.constantFrom(...lengths), fc.nat({ max: 32 }), fc.constantFrom('a', 'b'))
      .map(([length, at, other]) => Array.from({ length }, (_, index) => (index === at ? other : 'a')));
    const texts = near.map((characters) => characters.join(''));
    fc.assert(
      fc.property(fc.dictionary(texts, texts, { maxKeys: 8, noNullPrototype: true }), (map) => {
        const bytes = library.encoder.encode(map);
        const end = writeFlatMap(map, target, 0);
        expect(Buffer.compare(written.subarray(0, end), bytes)).toBe(0);
        expect(read(bytes)).toEqual(map);
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });

  it('leave a map to the library while Object.prototype has more than it should', () => {
    const prototype = Object.prototype as { stray?: number };
    prototype.stray = 1;
    try {
      expect(writeFlatMap({ a: 'b' }, target, 0)).toBe(GIVE_UP);
    } finally {
      delete prototype.stray;
    }
    expect(writeFlatMap({ a: 'b' }, target, 0)).toBe(5);
  });
});
