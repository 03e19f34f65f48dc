import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import type { HeaderValue, MessageHeaders } from '../../lib/message.js';
import { decodeMap, encodeMap, isPlainObject } from '../../lib/wire/map-codec.js';
import { MAX_HEADER_BYTES, PREFIX_BYTES, readPrefix } from '../../lib/wire/prefix.js';
import { fromHex, toHex } from '../support/bytes.js';
import { goldenFrame } from '../support/golden.js';

const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as unknown;

function roundTrip(map: MessageHeaders): Record<string, HeaderValue> {
  return decodeMap(encodeMap(map).slice());
}

function nestedList(levels: number): HeaderValue {
  return levels === 1 ? [] : [nestedList(levels - 1)];
}

/** `{"": {"": ... nil}}`, by hand. */
function nestedBytes(levels: number): Uint8Array {
  return fromHex(`${'81a0'.repeat(levels)}c0`);
}

function nestedMap(levels: number): MessageHeaders {
  return levels === 1 ? { a: null } : { a: nestedMap(levels - 1) };
}

class Instance {
  readonly big = 2 ** 40;
}

describe('integers', () => {
  it.each([
    [0xffffffff, 'ceffffffff'],
    [2 ** 32, 'cf0000000100000000'],
    [Number.MAX_SAFE_INTEGER, 'cf001fffffffffffff'],
    [-(2 ** 31), 'd280000000'],
    [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
    [Number.MIN_SAFE_INTEGER, 'd3ffe0000000000001'],
    [2n ** 53n, 'cf0020000000000000'],
    [2n ** 63n, 'cf8000000000000000'],
    [2n ** 64n - 1n, 'cfffffffffffffffff'],
    [-(2n ** 63n), 'd38000000000000000'],
  ])('%s is sent as an integer and comes back exactly', (value, hex) => {
    expect(toHex(encodeMap({ n: value }))).toBe(`81a16e${hex}`);
    expect(roundTrip({ n: value })).toEqual({ n: value });
  });

  it.each([
    [2 ** 53, 'cf0020000000000000'],
    [2 ** 60, 'cf1000000000000000'],
    [2 ** 64 - 2 ** 11, 'cffffffffffffff800'],
    [-(2 ** 53), 'd3ffe0000000000000'],
    [-(2 ** 63), 'd38000000000000000'],
  ])('%s is sent as an integer, and comes back as a bigint since a number may not be exact', (value, hex) => {
    expect(toHex(encodeMap({ n: value }))).toBe(`81a16e${hex}`);
    expect(roundTrip({ n: value })).toEqual({ n: BigInt(value) });
  });

  it.each([
    [2 ** 64, 'cb43f0000000000000'],
    [-(2 ** 63) - 2 ** 11, 'cbc3e0000000000001'],
    [1e300, 'cb7e37e43c8800759c'],
  ])('%s is a number that fits no integer, and is sent as a float', (value, hex) => {
    expect(toHex(encodeMap({ n: value }))).toBe(`81a16e${hex}`);
    expect(roundTrip({ n: value })).toEqual({ n: value });
  });

  it('in bigints come back as numbers where a number holds them', () => {
    expect(roundTrip({ n: 5n, m: -5n, max: 2n ** 53n - 1n })).toEqual({ n: 5, m: -5, max: 2 ** 53 - 1 });
  });

  it.each([
    ['one wide integer', [2 ** 40], '91cf0000010000000000'],
    ['wide integers alone', [2 ** 40, 2 ** 40], '92cf0000010000000000cf0000010000000000'],
    ['a wide integer beside another', [1, 2 ** 40], '9201cf0000010000000000'],
  ])('are sent as integers in a list of %s', (_, list, hex) => {
    expect(toHex(encodeMap({ list }))).toBe(`81a46c697374${hex}`);
  });

  it('stay exact inside lists and maps, and the original is left alone', () => {
    const headers = { list: [1, 2 ** 40, [2n ** 60n]], map: { deep: -(2 ** 40) }, plain: 'x' };
    expect(roundTrip(headers)).toEqual(headers);
    expect(headers).toEqual({ list: [1, 2 ** 40, [2n ** 60n]], map: { deep: -(2 ** 40) }, plain: 'x' });
  });

  it.each([2n ** 64n, -(2n ** 63n) - 1n])('%s does not fit 64 bits and is refused', (value) => {
    expect(() => encodeMap({ n: value })).toThrow(badData);
    expect(() => encodeMap({ list: [{ n: value }] })).toThrow(badData);
  });
});

describe('other values', () => {
  it('survive the way there and back', () => {
    const headers = {
      floats: [0.5, -1.25, 1e300, 5e-324, Infinity, NaN],
      text: ['', 'Grüße, 世界 🌍', 'x'.repeat(300)],
      flags: [true, false, null],
      bytes: Uint8Array.of(0, 255, 192),
      empty: [[], {}],
    };
    expect(roundTrip(headers)).toEqual(headers);
  });

  it('keep floats as floats and bytes as bytes on the wire', () => {
    expect(toHex(encodeMap({ f: 0.5 }))).toBe('81a166cb3fe0000000000000');
    expect(toHex(encodeMap({ b: Uint8Array.of(1, 2) }))).toBe('81a162c4020102');
    expect(toHex(encodeMap({ b: Buffer.from([1, 2]) }))).toBe('81a162c4020102');
  });

  it('have bytes of their own, which stay when the frame is given back', () => {
    const frame = encodeMap({ digest: Uint8Array.of(1, 2), list: [Uint8Array.of(3)] }).slice();
    const headers = decodeMap(frame);
    frame.fill(0);
    expect(headers).toEqual({ digest: Uint8Array.of(1, 2), list: [Uint8Array.of(3)] });
  });

  it('that are undefined are left out', () => {
    expect(roundTrip({ a: undefined, b: 1, c: { d: undefined } })).toEqual({ b: 1, c: {} });
  });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a Map', new Map([['a', 1]])],
    ['a Set', new Set([1])],
    ['a Date', new Date(0)],
    ['an array of 16-bit numbers', new Uint16Array([258])],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['an instance of a class', new Instance()],
  ])('%s has no form on the wire', (_, value) => {
    expect(() => encodeMap({ value: value as unknown as HeaderValue })).toThrow(badData);
    expect(() => encodeMap({ list: [{ value: value as unknown as HeaderValue }] })).toThrow(badData);
  });

  it('are named where they have no form', () => {
    const encode = (value: unknown) => () => encodeMap({ value: value as HeaderValue });
    expect(encode(new Date(0))).toThrow('headers cannot be encoded: expected a plain object, got Date');
    const nameless = Object.create(Object.create(null) as object) as object;
    expect(encode(nameless)).toThrow(
      'headers cannot be encoded: expected a plain object, got something else',
    );
  });

  it.each([
    ['text', { a: '\ud83c' }],
    ['text in a list', { a: ['x', '\udf0d'] }],
    ['a key', { '\ud83c': 'ü' }],
    ['a key further down', { a: [{ '\ud83c': 1 }] }],
  ])('are refused with half a surrogate pair: %s', (_, map) => {
    expect(() => encodeMap(map)).toThrow(badData);
  });

  it('are refused under the key __proto__', () => {
    expect(() => encodeMap(JSON.parse('{"a": {"__proto__": 1}}') as MessageHeaders)).toThrow(badData);
  });

  it('may be plain objects without a prototype', () => {
    const bare = Object.assign(Object.create(null) as Record<string, HeaderValue>, { a: 1 });
    expect(roundTrip({ bare })).toEqual({ bare: { a: 1 } });
  });

  it('may share a name with members of every object', () => {
    expect(roundTrip({ constructor: 1, toString: 'x', hasOwnProperty: null })).toEqual({
      constructor: 1,
      toString: 'x',
      hasOwnProperty: null,
    });
  });
});

describe('a plain object', () => {
  it.each([[{}], [{ a: 1 }], [Object.create(null)]])('is one: %j', (value: unknown) => {
    expect(isPlainObject(value)).toBe(true);
  });

  it.each([undefined, null, 'text', 5, [], new Date(0), new Instance(), () => 1])(
    'is not one: %j',
    (value) => {
      expect(isPlainObject(value)).toBe(false);
    },
  );
});

describe('limits', () => {
  it('let 65,535 bytes pass and refuse one more', () => {
    const overhead = encodeMap({ a: new Uint8Array(60_000) }).length - 60_000;
    const largest = MAX_HEADER_BYTES - overhead;
    expect(encodeMap({ a: new Uint8Array(largest) })).toHaveLength(MAX_HEADER_BYTES);
    expect(() => encodeMap({ a: new Uint8Array(largest + 1) })).toThrow(badData);
    expect(toHex(encodeMap({ a: 1 }))).toBe('81a16101');
  });

  it('let maps nest to a depth of 32 and refuse 33, both ways', () => {
    expect(roundTrip(nestedMap(32))).toEqual(nestedMap(32));
    expect(() => encodeMap(nestedMap(33))).toThrow(badData);
    expect(toHex(encodeMap(decodeMap(nestedBytes(32))))).toBe(toHex(nestedBytes(32)));
    expect(() => decodeMap(nestedBytes(33))).toThrow(badData);
  });

  it('let lists nest to a depth of 31 in the map and refuse 32, both ways', () => {
    expect(roundTrip({ a: nestedList(31) })).toEqual({ a: nestedList(31) });
    expect(() => encodeMap({ a: nestedList(32) })).toThrow(badData);
    expect(() => decodeMap(fromHex(`81a161${'91'.repeat(31)}90`))).toThrow(badData);
  });

  it('count nothing for bytes, which have nothing inside', () => {
    const bytes = Uint8Array.of(1);
    const list = Array.from({ length: 30 }).reduce<HeaderValue>((inner) => [inner], [bytes]);
    expect(roundTrip({ a: list })).toEqual({ a: list });
  });

  it('refuse lists that declare 65,535 items, one inside the other, before they take gigabytes', () => {
    const bytes = fromHex(`81a161${'dcffff'.repeat(500)}`);
    const before = process.memoryUsage().heapUsed;
    expect(() => decodeMap(bytes)).toThrow(badData);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 * 1024 * 1024);
  });

  it('refuse a map that contains itself', () => {
    const circle: Record<string, HeaderValue> = {};
    circle.self = circle;
    expect(() => encodeMap(circle)).toThrow(badData);
  });

  it('refuse a nesting as deep as a frame is long', () => {
    expect(() => decodeMap(nestedBytes(30_000))).toThrow(badData);
    expect(decodeMap(fromHex('81a16101'))).toEqual({ a: 1 });
  });
});

describe('decodeMap refuses', () => {
  it.each([
    ['nothing', ''],
    ['nil', 'c0'],
    ['an array', '9101'],
    ['a number', '01'],
    ['text', 'a161'],
    ['bytes', 'c40100'],
    ['an integer as key', '810101'],
    ['nil as key', '81c001'],
    ['bytes as key', '81c4016101'],
    ['a non-string key further down', '81a1618101c0'],
    ['the key __proto__', '81a95f5f70726f746f5f5f01'],
    ['the key __proto__ further down', '81a16181a95f5f70726f746f5f5f80'],
    ['bytes after the map', '8000'],
    ['a second map after the map', '8080'],
    ['a byte that MessagePack never uses', '81a161c1'],
    ['a map that says it has 4 billion members', 'dfffffffffa16101'],
    ['text that says it has 4 GB', '81a161dbffffffff00'],
    ['bytes that say they have 4 GB', '81a161c6ffffffff00'],
    ['a value of an extension type', '81a161d40501'],
    ['a timestamp', '81a161d6ff00000000'],
  ])('%s', (_, hex) => {
    expect(() => decodeMap(fromHex(hex))).toThrow(badData);
  });

  it('with a reason', () => {
    expect(() => decodeMap(fromHex('810101'))).toThrow('bad MessagePack map: its keys must be strings');
    expect(() => decodeMap(fromHex('81a161'))).toThrow('bad MessagePack map: it ends too early');
  });

  it('a map that is cut, at every length', () => {
    const frame = goldenFrame('data-with-tricky-headers').bytes;
    const bytes = frame.subarray(PREFIX_BYTES, PREFIX_BYTES + readPrefix(frame).headerLength);
    expect(bytes.length).toBeGreaterThan(900);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeMap(bytes.subarray(0, length))).toThrow(badData);
    }
  });
});
