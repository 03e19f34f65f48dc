import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { type Dtype, DTYPES, NdArray, readNpy, writeNpy } from '../../lib/fobs/index.js';

const BAD_DATA: unknown = expect.objectContaining({ code: CommErrorCode.BAD_DATA });

/** An npy file by hand. */
function npy(header: string, data: Uint8Array, version = 1): Uint8Array {
  const text = Buffer.from(header);
  const length = version === 1 ? Buffer.alloc(2) : Buffer.alloc(4);
  length[version === 1 ? 'writeUInt16LE' : 'writeUInt32LE'](text.length);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY'),
    Buffer.of(version, 0),
    length,
    text,
    data,
  ]);
}

const header = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

describe('an npy file', () => {
  const dtypes = (Object.keys(DTYPES) as Dtype[]).filter((name) => DTYPES[name].code !== undefined);
  it.each(dtypes)('brings an array of %s back', (dtype) => {
    const { memory, lanes } = DTYPES[dtype];
    const shape = fc.array(fc.nat(3), { maxLength: 3 });
    fc.assert(
      fc.property(shape, fc.boolean(), fc.nat(9), (axes, isFortran, shift) => {
        const size = axes.reduce((product, axis) => product * axis, 1) * lanes;
        const array = new NdArray(dtype, axes, new memory(size), isFortran);
        for (let index = 0; index < size; index += 1)
          array.data[index] = memory === BigInt64Array || memory === BigUint64Array ? BigInt(index) : index;
        const bytes = writeNpy(array);
        const moved = new Uint8Array(bytes.length + shift);
        moved.set(bytes, shift);
        expect(readNpy(moved.subarray(shift))).toEqual(array);
      }),
      { numRuns: 30 },
    );
  });

  it('is read without a copy where its elements are aligned', () => {
    const bytes = writeNpy(NdArray.float64([1, 2]));
    expect(readNpy(bytes).data.buffer).toBe(bytes.buffer);
    const moved = new Uint8Array(bytes.length + 1);
    moved.set(bytes, 1);
    expect(readNpy(moved.subarray(1)).data.buffer).not.toBe(moved.buffer);
  });

  it('is read in either byte order, and leaves the input as it is', () => {
    const data = Uint8Array.of(0, 1, 0, 2);
    const bytes = npy(header('>i2', '(2,)'), data);
    const before = bytes.slice();
    expect(readNpy(bytes)).toEqual(new NdArray('int16', [2], Int16Array.of(1, 2)));
    expect(bytes).toEqual(before);
  });

  it('is read in versions 2 and 3, and from a Buffer', () => {
    for (const version of [2, 3])
      expect(readNpy(npy(header('|u1', '(1, 2)'), Uint8Array.of(7, 8), version)).data).toEqual(
        Uint8Array.of(7, 8),
      );
  });

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['something else', Buffer.from('PK34567890123')],
    ['no header length of version 2', Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY\x02\x00ab')])],
    [
      'a header longer than the file',
      Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY\x01\x00\xff\xffab', 'latin1')]),
    ],
    ['objects, which numpy would unpickle', npy(header('|O', '(1,)'), new Uint8Array(8))],
    ['a type that JavaScript has not', npy(header('<f16', '(1,)'), new Uint8Array(16))],
    ['a header that is no dict', npy('import os', new Uint8Array(8))],
    ['less data than the shape says', npy(header('<f8', '(2,)'), new Uint8Array(8))],
    ['more data than the shape says', npy(header('<f8', '(2,)'), new Uint8Array(24))],
    ['a shape beyond all numbers', npy(header('<f8', `(${'9'.repeat(400)},)`), new Uint8Array(8))],
    ['65 axes', npy(header('|u1', `(${'1, '.repeat(65)})`), new Uint8Array(1))],
    ['a negative axis', npy(header('|u1', '(-1, -1)'), new Uint8Array(1))],
  ])('is refused: %s', (_name, bytes) => {
    expect(() => readNpy(bytes)).toThrow(BAD_DATA);
  });

  it.each(["'<U5'", "'<M8[ns]'", "[('x', '<i4'), ('y', '<f4')]", "'|O'", "'?f8'"])(
    'of %s is refused by name',
    (descr) => {
      const text = `{'descr': ${descr}, 'fortran_order': False, 'shape': (1,), }\n`;
      expect(() => readNpy(npy(text, new Uint8Array(8)))).toThrow(`known type (${JSON.stringify(descr)})`);
    },
  );

  it('is turned into the byte order of the machine without an object for each element', () => {
    const data = Uint8Array.from({ length: 8_000 }, (_, index) => index);
    const view = new DataView(data.buffer);
    const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
    const subarray = vi.spyOn(typedArray, 'subarray');
    const { data: read } = readNpy(npy(header('>f8', '(1000,)'), data));
    const calls = subarray.mock.calls.length;
    subarray.mockRestore();
    expect(read).toEqual(Float64Array.from({ length: 1_000 }, (_, index) => view.getFloat64(8 * index)));
    expect(calls).toBeLessThan(10);
  });

  it('is refused in one short line of text', () => {
    const lines = npy(header('|u1', `(${'1,\n'.repeat(500)})`), new Uint8Array(2));
    expect(() => readNpy(lines)).toThrow(/^[^\p{Cc}]{1,300}$/u);
  });
});

describe('an array', () => {
  it('is refused with memory of another kind, or another size', () => {
    expect(() => new NdArray('float32', [1], new Float64Array(1))).toThrow(BAD_DATA);
    expect(() => new NdArray('float32', [2, 2], new Float32Array(3))).toThrow(BAD_DATA);
    expect(() => new NdArray('complex64', [2], new Float32Array(2))).toThrow(BAD_DATA);
  });

  it('is made of plain numbers', () => {
    expect(NdArray.float32([1, 2, 3, 4], [2, 2]).data).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(NdArray.float64([1]).shape).toEqual([1]);
  });
});
