import { describe, expect, it } from 'vitest';

import { sizeText, textOfPayload } from '../../lib/cli/text-of-payload.js';

describe('a payload', () => {
  it.each(['', 'grüße', 'two\r\nlines\tof text', '{"json": true}'])('is text: %j', (text) => {
    expect(textOfPayload(new TextEncoder().encode(text))).toBe(text);
  });

  it.each([[[0, 0]], [[0xff]], [[0x68, 0x1b]], [[0x08]], [[0x7f]]])('is none: %j', (bytes) => {
    expect(textOfPayload(Uint8Array.from(bytes))).toBeNull();
  });

  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1_000, '1 kB'],
    [1_540, '1.5 kB'],
    [64_000_000, '64 MB'],
    [5_000_000_000_000, '5000 GB'],
  ])('of %d bytes is called %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});
