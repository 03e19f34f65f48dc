import { describe, expect, it } from 'vitest';

import { duration } from '../../lib/cli/arguments.js';

describe('a duration', () => {
  it.each([
    ['5', 's', 5_000],
    ['0.25', 's', 250],
    ['500', 'ms', 500],
    ['5s', 'ms', 5_000],
    ['500ms', 's', 500],
  ] as const)('%s, bare in %s, is %i ms', (text, bare, ms) => expect(duration(bare, 1)(text)).toBe(ms));

  it.each(['', '-1', 'soon', '5m', '1e3', '.5', '0'])('%j is none', (text) => {
    expect(() => duration('ms', 1)(text)).toThrow(
      'Expected milliseconds, or a duration as 500ms or 5s from 1ms.',
    );
  });
});
