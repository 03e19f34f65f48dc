import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatValue, marksOf } from '../../docs/examples/angular-dashboard/src/federation/scale.js';

describe('the scale of a chart', () => {
  it.each([
    [0.51, 0.94, [0.4, 0.6, 0.8, 1]],
    [0, 2.4, [0, 1, 2, 3]],
    [-1, 1, [-1, -0.5, 0, 0.5, 1]],
    [7, 7, [6, 8]],
    [0, 0, [0, 0.25]],
    [Infinity, -Infinity, [0, 1]],
  ])('has round marks from below %d to above %d', (least, most, marks) => {
    expect(marksOf(least, most)).toEqual(marks);
  });

  it('has few marks, in order, around any values', () => {
    const value = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [least, most] = [Math.min(a, b), Math.max(a, b)];
        const marks = marksOf(least, most);
        const slack = 1e-6 * Math.max(Math.abs(least), Math.abs(most), 1e-300);
        expect(marks.length).toBeGreaterThan(1);
        expect(marks.length).toBeLessThan(8);
        expect(marks[0]).toBeLessThanOrEqual(least + slack);
        expect(marks.at(-1)).toBeGreaterThanOrEqual(most - slack);
        for (const [index, mark] of marks.entries())
          if (index > 0) expect(mark).toBeGreaterThan(marks[index - 1] ?? Infinity);
      }),
    );
  });

  it.each([
    [0.94123, '0.9412'],
    [12, '12'],
    [0.000012345, '1.23e-5'],
    [123_456.7, '123,457'],
    [Number.NaN, 'NaN'],
  ])('writes %d as %s', (value, text) => {
    expect(formatValue(value)).toBe(text);
  });
});
