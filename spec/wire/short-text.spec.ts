import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  isShortText,
  MAX_SHORT_BYTES,
  readAscii,
  readShortText,
  sizeOfShortText,
  SPARE_BYTES,
  writeAscii,
  writeShortText,
} from '../../lib/wire/short-text.js';

const encoder = new TextEncoder();

/** The `fixstr` of a text, or `undefined` where it is refused. */
function written(text: string, isKey = true): Uint8Array | undefined {
  const bytes = new Uint8Array(1 + MAX_SHORT_BYTES + SPARE_BYTES);
  if (!writeShortText(text, new DataView(bytes.buffer), 0, isKey)) return undefined;
  return bytes.subarray(0, 1 + text.length);
}

/** Whether writing a text looks at its characters, as it does for a text that is not in the cache. */
function encodes(text: string, isKey = true): boolean {
  const view = new DataView(new ArrayBuffer(1 + MAX_SHORT_BYTES + SPARE_BYTES));
  const setUint8 = vi.spyOn(view, 'setUint8');
  writeShortText(text, view, 0, isKey);
  return setUint8.mock.calls.length > 0;
}

/** Whether reading a text makes it, as it does for a text that is not in the cache. */
function decodes(text: string): boolean {
  const bytes = Uint8Array.of(0xff, 0xa0 | text.length, ...encoder.encode(text), 0xff);
  const fromCharCode = vi.spyOn(String, 'fromCharCode');
  expect(readShortText(bytes, 1)).toBe(text);
  const { length } = fromCharCode.mock.calls;
  fromCharCode.mockRestore();
  return length > 0;
}

/** Texts of every length, of which no two are alike. */
const texts = Array.from({ length: MAX_SHORT_BYTES }, (_, index) =>
  'qwertzuiopasdfghjklyxcvbnm12345'.slice(0, index + 1),
);

afterEach(() => void vi.restoreAllMocks());

describe('a short text', () => {
  it.each(texts)('is written and read: %s', (text) => {
    const expected = Uint8Array.of(0xa0 | text.length, ...encoder.encode(text));
    for (const round of ['first', 'again']) {
      expect([round, written(text)]).toEqual([round, expected]);
      expect([round, readShortText(expected, 0)]).toEqual([round, text]);
    }
  });

  it('is read in the middle of other bytes', () => {
    const bytes = Uint8Array.of(0xff, 0xa2, 0x68, 0x69, 0xff);
    expect([readShortText(bytes, 1), readShortText(bytes, 1)]).toEqual(['hi', 'hi']);
  });

  it('has its size in its first byte', () => {
    expect([0xa0, 0xa1, 0xbf].map((type) => sizeOfShortText(Uint8Array.of(0xff, type), 1))).toEqual([
      1, 2, 32,
    ]);
  });

  it('writes its characters and no byte behind them', () => {
    const bytes = new Uint8Array(5).fill(0xee);
    expect(writeAscii('a\x7f', new DataView(bytes.buffer), 1)).toBe(true);
    expect(bytes).toEqual(Uint8Array.of(0xee, 0x61, 0x7f, 0xee, 0xee));
  });

  it('begins with a byte from a0 to bf', () => {
    expect([0x9f, 0xa0, 0xbf, 0xc0].map(isShortText)).toEqual([false, true, true, false]);
  });

  it.each(['ü', 'aü', 'aaaü', 'aaaaü', 'üaaaa'])('is none where it is not ASCII: %s', (text) => {
    expect(written(text)).toBeUndefined();
    const bytes = encoder.encode(text);
    expect(readShortText(Uint8Array.of(0xa0 | bytes.length, ...bytes), 0)).toBeUndefined();
    expect(readAscii(bytes, 0, bytes.length)).toBeUndefined();
  });

  it('is none where it ends beyond the bytes, also when its beginning is in the cache', () => {
    for (const text of ['abcde', 'abcd\0']) {
      const bytes = Uint8Array.of(0xa5, ...encoder.encode(text));
      expect(readShortText(bytes, 0)).toBe(text);
      for (let length = 1; length < bytes.length; length += 1)
        expect(readShortText(bytes.subarray(0, length), 0)).toBeUndefined();
    }
  });
});

describe('the cache of short texts', () => {
  it('has what was written, for the next to write or read it', () => {
    for (const text of texts) {
      encodes(text);
      expect([text, encodes(text), decodes(text)]).toEqual([text, false, false]);
    }
  });

  it('has what was read, for the next to read or write it', () => {
    for (const text of texts.map((each) => each.toUpperCase())) {
      decodes(text);
      expect([text, decodes(text), encodes(text)]).toEqual([text, false, false]);
    }
  });

  it('has no value of more than 12 characters, which may be a slice of something large', () => {
    for (const [text, isCached] of [
      ['a-value-of12', true],
      ['a-value-of-13', false],
    ] as const) {
      encodes(text, false);
      expect([text, encodes(text, false)]).toEqual([text, !isCached]);
    }
  });

  it.each([
    ['length', ['ab', 'aab', 'aaab', 'aaaab']],
    ['first character', ['ax', 'bx', 'cx', 'dx']],
    ['middle character', ['xxax', 'xxbx', 'xxcx', 'xxdx']],
    ['last character', ['xa', 'xb', 'xc', 'xd']],
  ])('keeps texts beside each other that differ in their %s', (_, alike) => {
    for (const text of alike) encodes(text);
    expect(alike.map((text) => encodes(text))).toEqual(alike.map(() => false));
  });

  it('gives no slot to bytes that are not ASCII', () => {
    encodes('aa');
    // They are of the slot of "aa".
    expect(readShortText(Uint8Array.of(0xa2, 0xc1, 0x69), 0)).toBeUndefined();
    expect(encodes('aa')).toBe(false);
  });

  it('gives a slot to the last text that was written or read there', () => {
    const [first, second] = ['a1--z', 'a2--z'];
    encodes(first);
    expect([encodes(second), encodes(first), decodes(second), encodes(first)]).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });
});
