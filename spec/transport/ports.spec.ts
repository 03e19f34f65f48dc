import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { candidatePorts } from '../../lib/transport/ports.js';

const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as unknown;

describe('candidatePorts', () => {
  it.each([
    [8000, [8000]],
    ['8000', [8000]],
    [' 8000 ', [8000]],
    ['8000-8003', [8000, 8001, 8002, 8003]],
    ['8000 - 8001', [8000, 8001]],
    ['65530-', [65530, 65531, 65532, 65533, 65534, 65535]],
    ['-1027', [1025, 1026, 1027]],
    ['7-7', [7]],
    ['1', [1]],
    ['8000-8009', [8000, 8001, 8002, 8003, 8004, 8005, 8006, 8007, 8008, 8009]],
    [
      [9000, '8000-8001', '65535-'],
      [9000, 8000, 8001, 65535],
    ],
    [[], []],
  ])('reads %j as %j', (ranges, ports) => {
    expect(candidatePorts(ranges)).toEqual(ports);
  });

  it.each([
    ['8000-9000', 8000, 9000],
    ['60000-', 60_000, 65_535],
    ['-3000', 1025, 3000],
  ])('chooses some at random of the large range %s', (range, low, high) => {
    const ports = candidatePorts(range);
    expect(ports.length).toBeGreaterThanOrEqual(10);
    expect(ports.every((port) => Number.isInteger(port) && port >= low && port <= high)).toBe(true);
    expect(candidatePorts(range)).not.toEqual(ports);
  });

  it.each([
    '',
    '-',
    'abc',
    '80a',
    '9000-8000',
    '0',
    '0-5',
    '65536',
    '8000-65536',
    '8000-9000-9500',
    '8000,9000',
    '8000 9000',
  ])('refuses "%s" as BAD_CONFIG', (range) => {
    expect(() => candidatePorts(range)).toThrow(badConfig);
  });

  it.each([0, -1, 1.5, NaN, Infinity, 65_536])('refuses the number %s as BAD_CONFIG', (port) => {
    expect(() => candidatePorts(port)).toThrow(badConfig);
  });

  it('refuses a list for one bad entry, and names it', () => {
    expect(() => candidatePorts([8000, 'x'])).toThrow('"x"');
  });
});
