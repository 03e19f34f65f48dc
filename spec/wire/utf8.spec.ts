import { isUtf8 as nodeIsUtf8 } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { isUtf8 } from '../../lib/wire/utf8.js';
import { seededRandom } from '../support/random.js';

/** Bytes at which the rules change. */
const EDGES = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
  0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
];

/** Those of which we do not say what Node says. One assertion for all: thousands of them take longer than the rest. */
function disputed(sequences: readonly ArrayLike<number>[]): readonly ArrayLike<number>[] {
  return sequences.filter((sequence) => {
    const bytes = Uint8Array.from(sequence);
    return isUtf8(bytes, 0, bytes.length) !== nodeIsUtf8(bytes);
  });
}

describe('isUtf8', () => {
  it('says what Node says, of every sequence of edges up to four bytes', () => {
    const sequences = (length: number): number[][] =>
      length === 0 ? [[]] : sequences(length - 1).flatMap((head) => EDGES.map((edge) => [...head, edge]));
    for (const length of [1, 2, 3]) expect(disputed(sequences(length))).toEqual([]);
    const fours = [0xf0, 0xf1, 0xf4].flatMap((first) => sequences(3).map((rest) => [first, ...rest]));
    expect(disputed(fours)).toEqual([]);
  });

  it('says what Node says, of text with one byte changed', () => {
    const random = seededRandom(31);
    const texts = Array.from({ length: 20_000 }, () => {
      const bytes = new TextEncoder().encode('a ü 世界 🌍 z');
      bytes[Math.floor(random() * bytes.length)] = random() * 256;
      return bytes;
    });
    expect(disputed(texts)).toEqual([]);
  });

  it('looks at no byte outside its range', () => {
    const bytes = Uint8Array.of(0xff, 0x61, 0xc3, 0xbc, 0xff);
    expect(isUtf8(bytes, 1, 4)).toBe(true);
    expect(isUtf8(bytes, 1, 3)).toBe(false);
    expect(isUtf8(bytes, 1, 1)).toBe(true);
  });
});
