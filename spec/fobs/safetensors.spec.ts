import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { NdArray, readSafetensors, rowMajor, writeSafetensors } from '../../lib/fobs/index.js';

const BAD_DATA: unknown = expect.objectContaining({ code: CommErrorCode.BAD_DATA });
const ONE_LINE = /^[^\p{Cc}\u2028-\u202e]{1,300}$/u;

/** What the Python package safetensors 0.7 wrote of these arrays. */
const GOLDEN =
  '00010000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a226e70227d2c2263223a7b226474797065223a22493634222c227368617065223a5b5d2c22646174615f6f666673657473223a5b302c385d7d2c2262223a7b226474797065223a22463332222c227368617065223a5b322c335d2c22646174615f6f666673657473223a5b382c33325d7d2c2261223a7b226474797065223a2242463136222c227368617065223a5b325d2c22646174615f6f666673657473223a5b33322c33365d7d2c2264223a7b226474797065223a22424f4f4c222c227368617065223a5b335d2c22646174615f6f666673657473223a5b33362c33395d7d7d202020200000000000010000000000000000803f0000004000004040000080400000a040c03f00c0010001';

const arrays = new Map([
  ['c', new NdArray('int64', [], BigInt64Array.of(2n ** 40n))],
  ['b', NdArray.float32([0, 1, 2, 3, 4, 5], [2, 3])],
  ['a', new NdArray('bfloat16', [2], Uint16Array.of(0x3fc0, 0xc000))],
  ['d', new NdArray('bool', [3], Uint8Array.of(1, 0, 1))],
]);

/** A file by hand. */
function file(header: string, data: number | Uint8Array = 0, length?: bigint): Uint8Array {
  const text = Buffer.from(header);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length ?? BigInt(text.length));
  return new Uint8Array(Buffer.concat([size, text, typeof data === 'number' ? Buffer.alloc(data) : data]));
}

const tensor = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;

describe('a safetensors file', () => {
  it('of Python is read', () => {
    expect(readSafetensors(new Uint8Array(Buffer.from(GOLDEN, 'hex')))).toEqual(arrays);
  });

  it('brings arrays back, all aligned, in any order', () => {
    const bytes = writeSafetensors([...arrays].reverse());
    const read = readSafetensors(bytes);
    expect(read).toEqual(arrays);
    for (const { data } of read.values()) expect(data.buffer).toBe(bytes.buffer);
    expect(readSafetensors(writeSafetensors([['__proto__', NdArray.float64([1])]])).has('__proto__')).toBe(
      true,
    );
    expect(readSafetensors(writeSafetensors([]))).toEqual(new Map());
  });

  it('has arrays of Fortran order in row-major order', () => {
    const fortran = new NdArray('float32', [2, 3], Float32Array.of(1, 4, 2, 5, 3, 6), true);
    const read = readSafetensors(writeSafetensors([['f', fortran]])).get('f');
    expect(read).toEqual(NdArray.float32([1, 2, 3, 4, 5, 6], [2, 3]));
    const cube = new NdArray('complex64', [2, 1, 2], Float32Array.of(1, -1, 3, -3, 2, -2, 4, -4), true);
    expect(rowMajor(cube).data).toEqual(Float32Array.of(1, -1, 2, -2, 3, -3, 4, -4));
    expect(rowMajor(new NdArray('uint8', [0, 2], new Uint8Array(), true)).data).toHaveLength(0);
  });

  it('brings arrays back that are empty, whatever their names', () => {
    const some = new Map([
      ['2', NdArray.float32([])],
      ['1', NdArray.float32([1])],
      ['0', NdArray.float32([])],
    ]);
    expect(readSafetensors(writeSafetensors(some))).toEqual(some);
  });

  it.each<[string, readonly (readonly [string, NdArray])[]]>([
    [
      'a name twice',
      [
        ['a', NdArray.float32([1])],
        ['a', NdArray.float32([2])],
      ],
    ],
    [
      '__proto__ twice',
      [
        ['__proto__', NdArray.float32([1])],
        ['__proto__', NdArray.float32([2])],
      ],
    ],
    ['the name __metadata__', [['__metadata__', NdArray.float32([1])]]],
    ['a name of 16,384 characters', [['x'.repeat(16_384), NdArray.float32([1])]]],
  ])('cannot hold %s', (_name, named) => {
    expect(() => writeSafetensors(named)).toThrow(BAD_DATA);
  });

  it('is refused before it is parsed where it has a name of more than 16,383 bytes', () => {
    const parse = vi.spyOn(JSON, 'parse');
    onTestFinished(() => parse.mockRestore());
    const named = (name: string) => file(`{"${name}":${tensor('U8', '[0]', '[0,0]')}}`);
    expect(() => readSafetensors(named('\\\\'.repeat(8_192)))).toThrow(BAD_DATA);
    expect(parse).not.toHaveBeenCalled();
    expect([...readSafetensors(named('x'.repeat(16_383))).keys()]).toEqual(['x'.repeat(16_383)]);
  });

  it('cannot hold complex128', () => {
    expect(() => writeSafetensors([['c', new NdArray('complex128', [0], new Float64Array())]])).toThrow(
      BAD_DATA,
    );
  });

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['a header longer than the file', file('{}', 0, 3n)],
    ['a header of 2^64 - 1 bytes', file('{}', 0, 2n ** 64n - 1n)],
    ['a header that is no JSON', file('{')],
    ['a header that is no object', file('3')],
    ['a tensor that is none', file('{"a":3}')],
    ['a type that JavaScript has not', file(`{"a":${tensor('F8_E4M3', '[1]', '[0,1]')}}`, 1)],
    ['a negative axis', file(`{"a":${tensor('U8', '[-1]', '[0,1]')}}`, 1)],
    ['half an axis', file(`{"a":${tensor('U8', '[0.5,2]', '[0,1]')}}`, 1)],
    ['a shape beyond all numbers', file(`{"a":${tensor('U8', '[1e308,1e308]', '[0,1]')}}`, 1)],
    ['65 axes', file(`{"a":${tensor('U8', `[${Array(65).fill(1).join()}]`, '[0,1]')}}`, 1)],
    ['fewer bytes than the shape says', file(`{"a":${tensor('F32', '[2]', '[0,4]')}}`, 4)],
    ['offsets beyond the end', file(`{"a":${tensor('F32', '[2]', '[0,8]')}}`, 4)],
    ['a gap', file(`{"a":${tensor('U8', '[1]', '[1,2]')}}`, 2)],
    [
      'elements that overlap',
      file(`{"a":${tensor('U8', '[2]', '[0,2]')},"b":${tensor('U8', '[2]', '[1,3]')}}`, 3),
    ],
    ['elements of two', file(`{"a":${tensor('U8', '[2]', '[0,2]')},"b":${tensor('U8', '[2]', '[0,2]')}}`, 2)],
    ['bytes that belong to none', file('{}', 1)],
  ])('is refused: %s', (_name, bytes) => {
    expect(() => readSafetensors(bytes)).toThrow(BAD_DATA);
  });

  it('takes nothing of a header but what describes the tensor', () => {
    const header = tensor('U8', '[0]', '[0,0]').replace('{', '{"name":{"length":-1e12},');
    expect([...readSafetensors(file(`{"a":${header}}`)).keys()]).toEqual(['a']);
  });

  it('is refused before it is parsed where its header has more than 1,000,000 values; commas of texts are none', () => {
    const parse = vi.spyOn(JSON, 'parse');
    onTestFinished(() => parse.mockRestore());
    expect(() => readSafetensors(file(`{"a":[${'[],'.repeat(500_000)}[]]}`))).toThrow(BAD_DATA);
    expect(parse).not.toHaveBeenCalled();
    const metadata = `"__metadata__":{"format":"${',\\"['.repeat(500_000)}"}`;
    const read = readSafetensors(file(`{${metadata},"a":${tensor('U8', '[0]', '[0,0]')}}`));
    expect([...read.keys()]).toEqual(['a']);
  });

  it.each([
    'x\nforged line',
    `{"${'n'.repeat(1e6)}\u202e":3}`,
    '{"\u009b31m":3}',
    `{"a":${tensor('\u009b', '[0]', '[0,0]')}}`,
  ])('is refused in one short line of text: %.20j', (header) => {
    expect(() => readSafetensors(file(header))).toThrow(ONE_LINE);
  });
});
