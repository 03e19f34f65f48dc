import { describe, expect, it } from 'vitest';

import { cleanReason } from '../../lib/transport/told-reason.js';

describe('a reason that one side tells the other', () => {
  it.each([
    ['plain text', 'please log in again', 'please log in again'],
    ['line breaks and control characters', ' a\r\nb\u0000\u001b[31mc\u2028d ', 'a b [31mc d'],
    ['marks that turn the direction of text', 'a\u202eb\u2066c', 'a b c'],
    ['half a character', 'a\ud83d', 'a'],
    ['nothing but blanks', ' \n\t', ''],
    ['123 bytes', 'x'.repeat(123), 'x'.repeat(123)],
    ['more', 'x'.repeat(124), 'x'.repeat(123)],
    ['a character that does not fit whole', `${'x'.repeat(121)}\u20ac`, 'x'.repeat(121)],
  ])('of %s', (_, text, clean) => {
    expect(cleanReason(text)).toBe(clean);
  });
});
