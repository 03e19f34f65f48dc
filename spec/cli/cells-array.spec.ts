import { describe, expect, it } from 'vitest';

import { elementsOf } from '../../lib/cli/cells-array.js';
import { NdArray, Tensor } from '../../lib/fobs/index.js';

/** Elements of 0, 1, 2 and so on. */
function counted(shape: readonly number[], isFortran = false): NdArray {
  const size = shape.reduce((product, length) => product * length, 1);
  return new NdArray(
    'float64',
    shape,
    Float64Array.from({ length: size }, (_, index) => index),
    isFortran,
  );
}

describe('the elements of an array', () => {
  it.each<[string, NdArray, unknown]>([
    ['one axis', counted([3]), [0, 1, 2]],
    [
      'two axes',
      counted([2, 2]),
      [
        [0, 1],
        [2, 3],
      ],
    ],
    [
      'Fortran order',
      counted([2, 3], true),
      [
        [0, 2, 4],
        [1, 3, 5],
      ],
    ],
    ['no axis', counted([]), 0],
    ['no element', counted([2, 0]), [[], []]],
    ['a tensor', Tensor.from(NdArray.float32([0.1, -1e10])), [0.1, -1e10]],
    ['integers of 64 bits', new NdArray('int64', [2], BigInt64Array.of(-1n, 2n ** 60n)), [-1n, 2n ** 60n]],
    ['bool', new NdArray('bool', [2], Uint8Array.of(0, 1)), [false, true]],
    [
      'float16',
      new NdArray('float16', [5], Uint16Array.of(0x3c_00, 0xc0_00, 0x00_01, 0x7c_00, 0x7e_00)),
      [1, -2, 5.9604645e-8, 'inf', 'nan'],
    ],
    ['bfloat16', new NdArray('bfloat16', [3], Uint16Array.of(0x3f_80, 0xc0_00, 0xff_80)), [1, -2, '-inf']],
    ['complex', new NdArray('complex64', [2], Float32Array.of(1, -2, 0.5, Number.NaN)), ['1-2j', '0.5+nanj']],
  ])('are lists of numbers: %s', (_what, array, elements) => expect(elementsOf(array)).toEqual(elements));

  it('are the first and the last of each axis, of more than a thousand', () => {
    expect(elementsOf(counted([1_000]))).toHaveLength(1_000);
    expect(elementsOf(counted([1_001]))).toEqual([0, 1, 2, '...', 998, 999, 1_000]);
    expect(elementsOf(counted([2, 1_000]))).toEqual([
      [0, 1, 2, '...', 997, 998, 999],
      [1_000, 1_001, 1_002, '...', 1_997, 1_998, 1_999],
    ]);
  });

  it.each([
    ['of two elements', Array<number>(20).fill(2)],
    ['with nothing in them', [...Array<number>(30).fill(6), 0]],
    ['of no width', [1_000_000, 0]],
  ])('are few where an array has many axes, or long ones, %s', (_what, shape) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const array = new NdArray('uint8', shape, new Uint8Array(size));
    expect(JSON.stringify(elementsOf(array)).length).toBeLessThan(20_000);
  });
});
