import { describe, expect, it } from 'vitest';

import { size } from '../../lib/cli/cells-options.js';
import { plainOf, valueText } from '../../lib/cli/cells-value.js';
import {
  type FobsValue,
  NdArray,
  OrderedDict,
  PyFloat,
  pyEnum,
  PyObject,
  RemoteItem,
  Tuple,
} from '../../lib/fobs/index.js';

describe('a size', () => {
  it.each([
    ['5', 5],
    ['1.5kB', 1_500],
    ['16GiB', 16 * 1024 ** 3],
  ])('%s is %i bytes', (text, bytes) => expect(size(text)).toBe(bytes));

  it.each(['', '-1', 'all', '5 GB', '5gb', '1e9', '5constructor'])('%j is none', (text) => {
    expect(() => size(text)).toThrow('Expected bytes, or a size as 500MB or 16GiB.');
  });
});

describe('a payload in words', () => {
  it.each<[FobsValue, string]>([
    ['a text', 'a text'],
    [undefined, '(empty)'],
    [new TextEncoder().encode('text'), 'text'],
    [new Uint8Array(2_000), '(2 kB of binary data)'],
    [[1, 2n ** 60n, true, null], '[1,"1152921504606846976",true,null]'],
    [Tuple.from([1, new PyFloat(2)]), '[1,2]'],
    [new Set([1]), '[1]'],
    [new Map([[1, 'one']]), '[[1,"one"]]'],
    [new OrderedDict([['a', 1]]), '{"a":1}'],
    [NdArray.float32([1, 0.1], [2, 1]), '{"dtype":"float32","shape":[2,1],"elements":[[1],[0.1]]}'],
    [{ kind: pyEnum('a.Kind', 'WEIGHTS') }, '{"kind":{"type":"a.Kind","data":"WEIGHTS"}}'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [{ at: new Date(Number.NaN), raw: new Uint8Array([0]) }, '{"at":null,"raw":"(1 byte of binary data)"}'],
  ])('%o', (value, text) => expect(valueText(plainOf(value))).toBe(text));

  it.each<[FobsValue, number, string]>([
    ['a'.repeat(50), 10, `${'a'.repeat(9)}...`],
    [Array.from({ length: 1_000 }, (_, index) => index), 10, '[0,1,2,3,4,"..."]'],
    [{ first: 'a'.repeat(50), second: 2 }, 20, `{"first":"${'a'.repeat(11)}...","...":"..."}`],
    [new Map([[1, [2, 3]]]), 5, '[[1,[2,"..."]]]'],
    [{ raw: new Uint8Array(2_000) }, 100, '{"raw":"(2 kB)"}'],
    [new Uint8Array(3), 100, '(3 bytes of binary data)'],
    [[0.125, 0.125, 0.125], 10, '[0.125,0.125,"..."]'],
    [[2n ** 60n, 1], 10, '["1152921504606846976","..."]'],
    [
      NdArray.float32([0.125, 0.125, 0.125]),
      44,
      `{"dtype":"float32","shape":[3],"elements":[0.125,0.125,"..."]}`,
    ],
    [[NdArray.float32([1]), 2], 10, '[{"dtype":"float32","shape":[1],"elements":["..."]},"..."]'],
  ])('%o has its beginning alone in %i characters', (value, size, text) => {
    expect(valueText(plainOf(value, size))).toBe(text);
  });

  // Each of these takes a few bytes on the wire, where the array comes once.
  const array = new NdArray('int64', [10, 100], new BigInt64Array(1_000).fill(-(2n ** 62n)));
  const reference = (text: string) =>
    new RemoteItem({ fqcn: text, refId: text, dot: 3 }, text, new PyObject('', null));
  const item = reference('a'.repeat(10_000));
  it.each<[string, FobsValue]>([
    ['one array', array],
    ['one array, many times', Array.from({ length: 500 }, () => array)],
    ['empty arrays', Array.from({ length: 500 }, () => new NdArray('bool', [0], new Uint8Array(0)))],
    ['references', Array.from({ length: 500 }, () => item)],
    ['empty references', Array.from({ length: 500 }, () => reference(''))],
    ['objects', Array.from({ length: 500 }, () => pyEnum('', ''))],
    ['long numbers', Array.from({ length: 500 }, () => -1.234_567_890_123_456e-100)],
    ['dates', Array.from({ length: 500 }, () => new Date(0))],
  ])('is about as long as is wanted, of %s', (_what, value) => {
    expect(valueText(plainOf(value, 1_000)).length).toBeLessThan(3_000);
  });
});
