import { expect, it } from 'vitest';

import { isPowerOfTwo } from '../../lib/transport/power-of-two.js';

it('picks 1, 2, 4, 8, ... of the counts', () => {
  const counts = Array.from({ length: 33 }, (_, index) => index + 1);
  expect(counts.filter(isPowerOfTwo)).toEqual([1, 2, 4, 8, 16, 32]);
});
