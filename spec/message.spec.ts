import { describe, expect, it } from 'vitest';

import { AppIds, textMessage, textOf } from '../lib/message.js';

describe('text messages', () => {
  it.each(['', 'hello', 'Grüße, 世界 🌍', '\uFEFFx', 'x'.repeat(100_000)])(
    'come back as they were: %.20s',
    (text) => {
      expect(textOf(textMessage(text))).toBe(text);
    },
  );

  it('are UTF-8 with the headers given', () => {
    expect(textMessage('ü', { a: 1 })).toEqual({ headers: { a: 1 }, payload: Uint8Array.of(0xc3, 0xbc) });
    expect(textMessage('x').headers).toBeUndefined();
  });

  it('are empty without a payload', () => {
    expect(textOf({})).toBe('');
  });

  it('are read from the part of a buffer that is theirs', () => {
    const buffer = new TextEncoder().encode('before hello after');
    expect(textOf({ payload: buffer.subarray(7, 12) })).toBe('hello');
  });

  it('show bytes that are no UTF-8 as replacement characters', () => {
    expect(textOf({ payload: Uint8Array.of(0x61, 0xff) })).toBe('a\uFFFD');
  });
});

describe('AppIds', () => {
  it('are those that NVFlare reserves', () => {
    expect(AppIds).toEqual({ ALL: 0, DEFAULT: 1, CELL_NET: 2, PUB_SUB: 3 });
  });
});
