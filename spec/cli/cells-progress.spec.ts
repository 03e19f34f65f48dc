import { describe, expect, it } from 'vitest';

import { progressLine } from '../../lib/cli/cells-progress.js';

describe('the progress of a transfer', () => {
  it.each([
    [{ bytes: 0, size: 4_000 }, 0, '[                        ]   0 %  0 bytes of 4 kB'],
    [{ bytes: 1_000, size: 4_000 }, 2, '[######                  ]  25 %  1 kB of 4 kB  500 bytes/s'],
    [{ bytes: 4_000, size: 4_000 }, 1, '[########################] 100 %  4 kB of 4 kB  4 kB/s'],
    [{ bytes: 5_000, size: 4_000 }, 1, '[########################] 100 %  5 kB of 4 kB  5 kB/s'],
    [{ bytes: 0, size: 0 }, 0, '[########################] 100 %  0 bytes of 0 bytes'],
    [{ bytes: 2_500_000, size: undefined }, 5, '2.5 MB  500 kB/s'],
  ])('%o after %i s', (progress, seconds, line) => {
    expect(progressLine(progress, seconds)).toBe(line);
  });
});
