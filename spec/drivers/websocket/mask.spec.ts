import { describe, expect, it } from 'vitest';

import {
  maskAfter,
  maskCopy,
  maskInPlace,
  maskRange,
  maskTo,
  maskWords,
  randomMask,
} from '../../../lib/drivers/websocket/mask.js';

const BEFORE = Uint8Array.from({ length: 80 }, (_, index) => index * 3);
const MASK = Uint8Array.of(0x12, 0xf4, 0x00, 0x9b);

describe.each([
  ['as it is used', maskInPlace],
  ['in plain JavaScript', maskWords],
])('masking, %s', (_, mask) => {
  it('is right for every length and place in memory, touches nothing else, and is its own inverse', () => {
    for (let offset = 0; offset < 5; offset += 1) {
      for (let length = 0; length < 70; length += 1) {
        const memory = BEFORE.slice();
        const expected = memory.map((byte, index) =>
          index >= offset && index < offset + length ? byte ^ (MASK[(index - offset) % 4] ?? 0) : byte,
        );
        const part = memory.subarray(offset, offset + length);
        mask(part, MASK);
        expect(Buffer.compare(memory, expected)).toBe(0);
        mask(part, MASK);
        expect(Buffer.compare(memory, BEFORE)).toBe(0);
      }
    }
  });
});

describe.each([
  ['as it is used', maskTo],
  ['in plain JavaScript', maskCopy],
])('masking into other memory, %s', (_, mask) => {
  it('is right for every length and both places, and changes nothing else', () => {
    const source = BEFORE.slice();
    for (let start = 0; start < 5; start += 1) {
      for (let offset = 0; offset < 5; offset += 1) {
        for (let length = 0; length < 40; length += 1) {
          const target = new Uint8Array(80).fill(9);
          const expected = target.map((byte, index) =>
            index >= offset && index < offset + length
              ? (source[start + index - offset] ?? 0) ^ (MASK[(index - offset) % 4] ?? 0)
              : byte,
          );
          mask(source.subarray(start), MASK, target, offset, length);
          if (Buffer.compare(target, expected) !== 0) expect.fail(`wrong at ${start}, ${offset}, ${length}`);
        }
      }
    }
    expect(source).toEqual(BEFORE);
  });
});

describe('masking a part', () => {
  it.each([70, 1_500])(
    'is right for every place in memory of up to %d bytes, and touches nothing else',
    (most) => {
      const before = Uint8Array.from({ length: most + 20 }, (_, index) => index * 3);
      for (let offset = 0; offset < 5; offset += 1) {
        for (let begin = 0; begin < 5; begin += 1) {
          for (let length = Math.max(0, most - 70); length < most; length += 1) {
            const memory = before.slice();
            const part = memory.subarray(offset);
            maskRange(part, MASK, begin, begin + length);
            const expected = before.slice();
            maskWords(expected.subarray(offset + begin, offset + begin + length), MASK);
            if (Buffer.compare(memory, expected) !== 0)
              expect.fail(`wrong at ${offset}, ${begin}, ${length}`);
          }
        }
      }
    },
  );
});

describe('maskAfter', () => {
  it('masks a rest as the whole is masked', () => {
    const whole = new Uint8Array(20);
    maskWords(whole, MASK);
    for (let bytes = 0; bytes < 10; bytes += 1) {
      const rest = new Uint8Array(20 - bytes);
      maskWords(rest, maskAfter(MASK, bytes));
      expect(rest).toEqual(whole.subarray(bytes));
    }
  });
});

describe('randomMask', () => {
  it('makes a new mask each time', () => {
    const masks = Array.from({ length: 5_000 }, () => {
      const mask = new Uint8Array(4);
      randomMask(mask);
      return Buffer.from(mask).toString('hex');
    });
    // Two of 5,000 are the same once in 344 runs, three once in millions.
    expect(new Set(masks).size).toBeGreaterThan(4_990);
  });
});
