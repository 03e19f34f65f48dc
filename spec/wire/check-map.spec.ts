import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';

import { MAX_DEPTH, mapFault } from '../../lib/wire/check-map.js';
import { concatBytes, fromHex, toHex } from '../support/bytes.js';
import { goldenFrames } from '../support/golden.js';
import { seededRandom } from '../support/random.js';

const TOO_EARLY = 'it ends too early';

/** `{"a": value}` around an encoded value. */
function mapOf(valueHex: string): Uint8Array {
  return fromHex(`81a161${valueHex}`);
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Big-endian, in so many bytes. */
function lengthHex(length: number, bytes: number): string {
  return length.toString(16).padStart(bytes * 2, '0');
}

/** Encoded lists, one inside the other, each with one item. */
function nestedLists(levels: number): string {
  return `${'91'.repeat(levels - 1)}90`;
}

type Random = () => number;

function pick<T>(random: Random, makers: readonly (() => T)[]): T {
  const make = makers[Math.floor(random() * makers.length)] ?? makers[0];
  if (make === undefined) throw new Error('nothing to pick from');
  return make();
}

const LETTERS = ['x', 'ü', '世', '🌍'];

function randomText(random: Random): string {
  const length = random() < 0.05 ? 300 : Math.floor(random() * 40);
  return Array.from({ length }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('');
}

function randomValue(random: Random, depth: number): unknown {
  const scalars = [
    () => null,
    () => random() < 0.5,
    () => Math.floor(random() * 300) - 150,
    () => Math.floor((random() - 0.5) * 2 ** 34),
    () => BigInt(Math.floor(random() * 2 ** 53)) * (random() < 0.5 ? 1_000n : -1_000n),
    () => random() * 1e9,
    () => randomText(random),
    () => new Uint8Array(random() < 0.05 ? 70_000 : Math.floor(random() * 400)),
  ];
  const containers = [
    () => Array.from({ length: randomCount(random) }, () => randomValue(random, depth + 1)),
    () => randomMap(random, depth + 1),
  ];
  return pick<unknown>(random, depth < 6 && random() < 0.4 ? containers : scalars);
}

function randomCount(random: Random): number {
  return random() < 0.05 ? 20 : Math.floor(random() * 4);
}

function randomMap(random: Random, depth = 0): Record<string, unknown> {
  const count = randomCount(random);
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `${index}${randomText(random)}`,
      randomValue(random, depth),
    ]),
  );
}

/** The text `b` in every form that MessagePack has for it. */
const textForms = ['db00000001', 'da0001', 'd901', 'a1'].map((head) => `${head}62`);

describe('mapFault finds nothing wrong with', () => {
  it.each([
    ['positive fixint', '00'],
    ['the largest positive fixint', '7f'],
    ['negative fixint', 'e0'],
    ['the largest negative fixint', 'ff'],
    ['nil', 'c0'],
    ['false', 'c2'],
    ['true', 'c3'],
    ['float 32', 'ca00000000'],
    ['float 64', 'cb0000000000000000'],
    ['uint 8', 'cc00'],
    ['uint 16', 'cd0000'],
    ['uint 32', 'ce00000000'],
    ['uint 64', 'cf0000000000000000'],
    ['int 8', 'd000'],
    ['int 16', 'd10000'],
    ['int 32', 'd200000000'],
    ['int 64', 'd30000000000000000'],
    ['empty fixstr', 'a0'],
    ['the longest fixstr', `bf${'78'.repeat(31)}`],
    ['str 8', `d9ff${'78'.repeat(255)}`],
    ['str 16', `da0100${'78'.repeat(256)}`],
    ['str 32', `db00010000${'78'.repeat(65_536)}`],
    ['empty bin 8', 'c400'],
    ['bin 8', `c4ff${'00'.repeat(255)}`],
    ['bin 16', `c50100${'00'.repeat(256)}`],
    ['bin 32', `c600010000${'00'.repeat(65_536)}`],
    ['empty fixarray', '90'],
    ['the longest fixarray', `9f${'01'.repeat(15)}`],
    ['array 16', `dc0100${'01'.repeat(256)}`],
    ['array 32', `dd00010000${'01'.repeat(65_536)}`],
    ['empty fixmap', '80'],
    ['fixmap', '81a16202'],
    ['map 16', 'de0001a16202'],
    ['map 32', 'df00000001a16202'],
    ['lists in lists', '92919091c0'],
    ['maps in lists in maps', '81a1629281a163c080'],
  ])('%s, and says so when it is cut at any place, or a byte follows it', (_, hex) => {
    const bytes = mapOf(hex);
    expect(mapFault(bytes)).toBeUndefined();
    expect(isPlainObject(decode(bytes, { useBigInt64: true }))).toBe(true);
    const step = Math.max(1, Math.floor(bytes.length / 300));
    for (let length = 1; length < bytes.length; length += step) {
      expect(mapFault(bytes.subarray(0, length))).toBe(TOO_EARLY);
    }
    expect(mapFault(bytes.subarray(0, -1))).toBe(TOO_EARLY);
    expect(mapFault(concatBytes([bytes, Uint8Array.of(0xc0)]))).toBe('1 bytes follow it');
  });

  it('keys in all forms of text', () => {
    for (const form of textForms) expect(mapFault(fromHex(`81${form}01`))).toBeUndefined();
    expect(mapFault(fromHex(`84${textForms.map((form) => `${form}01`).join('')}`))).toBeUndefined();
  });

  it('maps of all forms at the top', () => {
    for (const head of ['81', 'de0001', 'df00000001']) {
      expect(mapFault(fromHex(`${head}a16101`))).toBeUndefined();
    }
    for (const empty of ['80', 'de0000', 'df00000000']) expect(mapFault(fromHex(empty))).toBeUndefined();
    const many = Array.from({ length: 15 }, (_, index) => `a1${lengthHex(97 + index, 1)}c0`).join('');
    expect(mapFault(fromHex(`8f${many}`))).toBeUndefined();
  });

  it('the headers and handshakes that NVFlare sent', () => {
    const handshakes = goldenFrames.filter(({ prefix }) => prefix.type === 4 || prefix.type === 5);
    expect(handshakes.length).toBeGreaterThan(0);
    for (const { payload = new Uint8Array(0) } of handshakes) expect(mapFault(payload)).toBeUndefined();
    const withHeaders = goldenFrames.filter(({ prefix }) => prefix.headerLength > 0);
    expect(withHeaders.length).toBeGreaterThan(0);
    for (const { bytes, prefix } of withHeaders) {
      expect(mapFault(bytes.subarray(16, 16 + prefix.headerLength))).toBeUndefined();
    }
  });

  it('a part of a buffer that goes on with something else', () => {
    const buffer = concatBytes([fromHex('dfff'), mapOf('c3'), fromHex('ffff')]);
    expect(mapFault(buffer.subarray(2, -2))).toBeUndefined();
  });
});

describe('mapFault says of', () => {
  it.each([
    ['nothing', '', 'it is empty'],
    ['nil', 'c0', 'it is not a map'],
    ['a list', '9101', 'it is not a map'],
    ['an empty list', '90', 'it is not a map'],
    ['an empty list of the long form', 'dc0000', 'it is not a map'],
    ['an empty list of the longest form', 'dd00000000', 'it is not a map'],
    ['a negative number', 'e0', 'it is not a map'],
    ['text', 'a161', 'it is not a map'],
    ['a number', '01', 'it is not a map'],
    ['an ext', 'd40501', 'it is not a map'],
    ['a number as a key', '810101', 'its keys must be strings'],
    ['nil as a key', '81c001', 'its keys must be strings'],
    ['bytes as a key', '81c4016101', 'its keys must be strings'],
    ['a list as a key', '819001', 'its keys must be strings'],
    ['a map as a key', '818001', 'its keys must be strings'],
    ['a number as the second key', '82a161010201', 'its keys must be strings'],
    ['a number as a key further down', '81a161810101', 'its keys must be strings'],
    ['a number as a key after a map', '82a161810101', 'its keys must be strings'],
    ['a key that is not UTF-8', '81a1ff01', 'it has text that is not UTF-8'],
    [
      'a key that is cut off in a character, as is told by what follows',
      '81a1c3bc',
      'it has text that is not UTF-8',
    ],
    ['text that is not UTF-8', '81a161a2c328', 'it has text that is not UTF-8'],
    ['half of a surrogate pair', '81a161d903eda080', 'it has text that is not UTF-8'],
    ['a map behind the map', '8080', '1 bytes follow it'],
    ['many bytes behind the map', `80${'00'.repeat(500)}`, '500 bytes follow it'],
  ])('%s', (_, hex, fault) => {
    expect(mapFault(fromHex(hex))).toBe(fault);
  });

  it.each(['c1', 'c7', 'c8', 'c9', 'd4', 'd5', 'd6', 'd7', 'd8'])(
    'a value of type 0x%s that headers cannot have it, whatever follows',
    (type) => {
      const fault = `it has a value of type 0x${type}, which headers cannot have`;
      for (const rest of ['', '00', '00'.repeat(40)]) expect(mapFault(mapOf(type + rest))).toBe(fault);
      expect(mapFault(mapOf(`91${type}${'00'.repeat(40)}`))).toBe(fault);
    },
  );

  it('the types of no other byte', () => {
    const refused = Array.from({ length: 256 }, (_, type) => type).filter(
      (type) =>
        mapFault(concatBytes([mapOf(lengthHex(type, 1)), new Uint8Array(300)]))?.includes('type') === true,
    );
    expect(refused).toEqual([0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8]);
  });

  it('a length that declares one more than is there, in every form', () => {
    for (const [type, bytes] of [
      ['d9', 1],
      ['da', 2],
      ['db', 4],
      ['c4', 1],
      ['c5', 2],
      ['c6', 4],
      ['dc', 2],
      ['dd', 4],
    ] as const) {
      for (const there of [0, 1, 200]) {
        const content = '61'.repeat(there);
        expect(mapFault(mapOf(`${type}${lengthHex(there, bytes)}${content}`))).toBeUndefined();
        expect(mapFault(mapOf(`${type}${lengthHex(there + 1, bytes)}${content}`))).toBe(TOO_EARLY);
        const most = 'f'.repeat(bytes * 2);
        expect(mapFault(mapOf(`${type}${most}${content}`))).toBe(TOO_EARLY);
      }
    }
  });

  it('a map that declares one entry more than is there, in every form', () => {
    for (const [type, bytes] of [
      ['de', 2],
      ['df', 4],
    ] as const) {
      for (const there of [0, 1, 200]) {
        const content = 'a0c0'.repeat(there);
        expect(mapFault(fromHex(`${type}${lengthHex(there, bytes)}${content}`))).toBeUndefined();
        for (const declared of [lengthHex(there + 1, bytes), 'f'.repeat(bytes * 2)]) {
          expect(mapFault(fromHex(`${type}${declared}${content}`))).toBe(TOO_EARLY);
          expect(mapFault(mapOf(`${type}${declared}${content}`))).toBe(TOO_EARLY);
        }
      }
    }
  });

  it.each([
    ['an empty map', '80', 0],
    ['a map with one value', '81a16101', 1],
    ['a map with a list of two, which is a value too', '81a161920102', 3],
    ['a map with a map, whose keys are no values', '81a16182a16201a16302', 3],
  ])('%s that it has too many values, from one more than the maximum on', (_, hex, values) => {
    expect(mapFault(fromHex(hex), values)).toBeUndefined();
    if (values > 0) {
      expect(mapFault(fromHex(hex), values - 1)).toBe(`it has more than ${values - 1} values`);
    }
  });

  it('what is nested deeper than the limit, be it lists, maps or both, and as deep as can be', () => {
    const tooDeep = `it is nested deeper than ${MAX_DEPTH}`;
    expect(mapFault(mapOf(nestedLists(MAX_DEPTH - 1)))).toBeUndefined();
    expect(mapFault(mapOf(nestedLists(MAX_DEPTH)))).toBe(tooDeep);
    expect(mapFault(fromHex(`${'81a0'.repeat(MAX_DEPTH)}c0`))).toBeUndefined();
    expect(mapFault(fromHex(`${'81a0'.repeat(MAX_DEPTH)}80`))).toBe(tooDeep);
    expect(mapFault(fromHex(`${'81a091'.repeat(MAX_DEPTH / 2)}c0`))).toBeUndefined();
    expect(mapFault(fromHex(`${'81a091'.repeat(MAX_DEPTH / 2)}90`))).toBe(tooDeep);
    expect(mapFault(mapOf('91'.repeat(60_000)))).toBe(tooDeep);
    expect(mapFault(mapOf('dc0001'.repeat(20_000)))).toBe(tooDeep);
  });

  it('no depth where lists stand side by side', () => {
    expect(mapFault(mapOf(`dc0190${nestedLists(MAX_DEPTH - 2).repeat(400)}`))).toBeUndefined();
  });
});

describe('what mapFault lets through', () => {
  it('is every map that the encoder makes: 5,000 random ones, which the decoder gives back', () => {
    const random = seededRandom(21);
    const sizes: number[] = [];
    for (let count = 0; count < 5_000; count += 1) {
      const bytes = encode(randomMap(random), { useBigInt64: true });
      sizes.push(bytes.length);
      const fault = mapFault(bytes);
      if (fault !== undefined) expect.fail(`${fault}: ${toHex(bytes)}`);
      const again = encode(decode(bytes, { useBigInt64: true }), { useBigInt64: true });
      if (Buffer.compare(again, bytes) !== 0) expect.fail(`not given back: ${toHex(bytes)}`);
    }
    expect(Math.max(...sizes)).toBeGreaterThan(70_000);
  });

  it('is no random map that is cut, and none with a byte behind it', () => {
    const random = seededRandom(22);
    for (let count = 0; count < 2_000; count += 1) {
      const bytes = encode(randomMap(random), { useBigInt64: true });
      const cut = Math.floor(random() * bytes.length);
      expect(mapFault(bytes.subarray(0, cut))).toBe(cut === 0 ? 'it is empty' : TOO_EARLY);
      expect(mapFault(concatBytes([bytes, Uint8Array.of(random() * 256)]))).toBe('1 bytes follow it');
    }
  });

  it('is only what the decoder takes, and takes as a map: every change of one byte of a few maps', () => {
    const maps = [
      { a: 1, b: 'text', c: [true, null, { d: new Uint8Array(3) }], e: 1.5, f: 2n ** 40n, g: 'x'.repeat(40) },
      { list: Array.from({ length: 20 }, (_, index) => ({ index, name: `n${index}` })) },
      { bytes: new Uint8Array(260), text: 'y'.repeat(260), deep: [[[[[{ x: [] }]]]]] },
    ];
    const outcomes = { passed: 0, refused: 0 };
    for (const map of maps) {
      const bytes = encode(map, { useBigInt64: true });
      for (let offset = 0; offset < bytes.length; offset += 1) {
        const original = bytes[offset] ?? 0;
        for (let change = 1; change < 256; change += 1) {
          bytes[offset] = original ^ change;
          if (mapFault(bytes) === undefined) {
            outcomes.passed += 1;
            if (!isPlainObject(decode(bytes, { useBigInt64: true }))) {
              expect.fail(`not a plain object: ${toHex(bytes)}`);
            }
          } else outcomes.refused += 1;
        }
        bytes[offset] = original;
      }
    }
    expect(outcomes.passed).toBeGreaterThan(50_000);
    expect(outcomes.refused).toBeGreaterThan(20_000);
  });

  it('is nothing but such, of 200,000 random byte strings that begin like a map', () => {
    const random = seededRandom(23);
    const starts = [0x80, 0x81, 0x82, 0x83, 0xde, 0xdf];
    const likely = [0xa1, 0xa0, 0x61, 0x81, 0x91, 0x92, 0xc0, 0xc4, 0xd9, 0xcc, 0x00, 0x01, 0xdc, 0xde];
    let passed = 0;
    for (let count = 0; count < 200_000; count += 1) {
      const length = 1 + Math.floor(random() * 12);
      const bytes = Uint8Array.from({ length }, () =>
        random() < 0.8 ? (likely[Math.floor(random() * likely.length)] ?? 0) : random() * 256,
      );
      bytes[0] = starts[Math.floor(random() * starts.length)] ?? 0x80;
      if (mapFault(bytes) !== undefined) continue;
      passed += 1;
      if (!isPlainObject(decode(bytes, { useBigInt64: true }))) {
        expect.fail(`not a plain object: ${toHex(bytes)}`);
      }
    }
    expect(passed).toBeGreaterThan(1_000);
  });
});

describe('declarations that are not kept', () => {
  /** 64 KiB that say they hold lists of 65,535 items, one inside the other: gigabytes, if they are believed. */
  const bombs = [
    ['lists of 65,535', mapOf('dcffff'.repeat(21_800))],
    [
      'lists of 65,535 up to the limit of depth, then bytes',
      mapOf(`${'dcffff'.repeat(MAX_DEPTH - 1)}${'00'.repeat(65_000)}`),
    ],
    [
      'lists that declare just what is there',
      mapOf(`${'dcfd00'.repeat(MAX_DEPTH - 1)}${'00'.repeat(65_000)}`),
    ],
    ['lists of 4 billion', mapOf('ddffffffff'.repeat(13_000))],
    ['maps of 65,535', fromHex('deffffa0'.repeat(16_000))],
    ['maps of 4 billion', fromHex('dfffffffffa0'.repeat(10_000))],
    ['text of 4 GB', mapOf(`dbffffffff${'61'.repeat(65_000)}`)],
  ] as const;

  it.each(bombs)('are refused and take little memory: %s', (_, bytes) => {
    const before = process.memoryUsage();
    expect(mapFault(bytes)).toBeDefined();
    const after = process.memoryUsage();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(2 * 1024 * 1024);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1024 * 1024);
  });
});
