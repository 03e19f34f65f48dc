import { describe, expect, it } from 'vitest';

import { isSafePath } from '../../lib/flare/safe-path.js';

describe('isSafePath', () => {
  it.each(['a', 'a/b.txt', '.hidden', 'a..b/c', '2026-11-26T10:00/log', 'con.txt', 'ä/ö'])(
    'takes %j',
    (path) => {
      expect(isSafePath(path, false)).toBe(true);
    },
  );

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'a/./b',
    'a\\b',
    '\\\\host\\share',
    'C:',
    'c:/x',
    'a\0',
    'a\nb',
  ])('refuses %j', (path) => {
    expect(isSafePath(path, false)).toBe(false);
    expect(isSafePath(path, true)).toBe(false);
  });

  it.each(['con', 'a/NUL.txt', 'lpt1', 'ab:stream', 'a./b', 'a '])('refuses %j on Windows', (path) => {
    expect(isSafePath(path, true)).toBe(false);
    expect(isSafePath(path, false)).toBe(true);
  });
});
