import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { Datum } from '../../lib/fobs/datum.js';
import { readSections } from '../../lib/fobs/sections.js';
import {
  decodeFobs,
  encodeFobs,
  type FobsValue,
  NdArray,
  OrderedDict,
  pyData,
  pyDict,
  pyEnum,
  PyFile,
  PyFloat,
  PyObject,
  RemoteItem,
  Tensor,
  Tuple,
} from '../../lib/fobs/index.js';

const BAD_DATA: unknown = expect.objectContaining({ code: CommErrorCode.BAD_DATA });
const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const again = (value: FobsValue) => decodeFobs(encodeFobs(value)).value;
/** A main section around MessagePack, in dialect 2.7. */
const main = (pack: Uint8Array) => {
  const header = new Uint8Array(10);
  header[0] = 100;
  new DataView(header.buffer).setBigUint64(2, BigInt(pack.length));
  return Buffer.concat([header, pack]);
};

const plain = fc.letrec<{ value: FobsValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n).filter((wide) => !Number.isSafeInteger(Number(wide))),
    fc.double({ noNaN: true }).filter((float) => !Number.isInteger(float)),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.array(tie('value')),
    fc.array(tie('value')).map((items) => Tuple.from(items)),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
    fc.array(fc.integer(), { minLength: 1 }).map((keys) => new Map(keys.map((key) => [key, key]))),
    fc.array(fc.tuple(fc.string(), tie('value'))).map((pairs) => new OrderedDict(pairs)),
    fc.array(fc.integer()).map((items) => new Set(items)),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }),
    fc.tuple(fc.string(), tie('value')).map(([type, data]) => pyData(`spec.${type}`, data)),
    fc.array(fc.float({ noNaN: true })).map((values) => NdArray.float32(values)),
  ),
})).value;

describe('FOBS', () => {
  it('brings every value back as it was', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(again(value)).toEqual(value);
      }),
    );
  });

  it('brings a dict with the key __proto__ back as a Map, where that is a key like any other', () => {
    const value = JSON.parse('{"a":[{"__proto__":{"admin":true}}]}') as FobsValue;
    expect(again(value)).toEqual({ a: [new Map([['__proto__', { admin: true }]])] });
  });

  it.each<[string, FobsValue, string]>([
    ['None', null, 'c0'],
    ['an int', 300, 'cd012c'],
    ['an int of 64 bits', -(2 ** 40), 'd3ffffff0000000000'],
    ['a float', 0.5, 'cb3fe0000000000000'],
    ['a float that is an integer', new PyFloat(2), 'cb4000000000000000'],
    ['a float beyond all ints', 1e300, 'cb7e37e43c8800759c'],
    ['a dict', { a: 1, b: undefined }, '81a16101'],
    ['a dict with other keys', new Map([[1, 2]]), '810102'],
    ['a list of an absent value', [undefined], '91c0'],
  ])('writes %s as Python does', (_name, value, pack) => {
    expect(hexOf(encodeFobs(value))).toBe(hexOf(main(bytesOf(pack))));
    expect(hexOf(encodeFobs(value, { dialect: '2.4' }))).toBe(
      hexOf(bytesOf(`64 00000000000000${(pack.length / 2).toString(16).padStart(2, '0')} ${pack}`)),
    );
  });

  it('says in which dialect a value came', () => {
    for (const dialect of ['2.4', '2.7'] as const) {
      const value = { array: NdArray.float64([1, 2]), text: 'x' };
      expect(decodeFobs(encodeFobs(value, { dialect }))).toEqual({ dialect, value, references: [] });
    }
  });

  it('passes on what it does not know', () => {
    const value = new PyObject(
      'my.module.Thing',
      Tuple.from([1, pyEnum('my.Color', 'RED')]),
      'my.module.Decomposer',
    );
    expect(again(value)).toEqual(value);
    expect(again(new PyObject('old.Thing', 1))).toEqual(new PyObject('old.Thing', 1));
  });

  it('makes instances of classes of your own, and encodes them', () => {
    class Point {
      readonly x: number;
      constructor(x: number) {
        this.x = x;
      }
      toFobs() {
        return pyDict('my.Point', { x: this.x });
      }
    }
    const types = { 'my.Point': ({ data }: PyObject) => new Point((data as { x: number }).x) };
    const { value } = decodeFobs(encodeFobs([new Point(3)]), { types });
    expect(value).toEqual([new Point(3)]);
  });

  it('does not take the names of a prototype for types', () => {
    for (const type of ['constructor', 'toString', '__proto__'])
      expect(decodeFobs(encodeFobs(new PyObject(type, 1)), { types: {} }).value).toEqual(
        new PyObject(type, 1),
      );
  });

  it('keeps a key named __proto__ as any other, and out of the prototype', () => {
    const value = again(new Map([['__proto__', new Map([['polluted', true]])]]));
    expect(value).toEqual(new Map([['__proto__', { polluted: true }]]));
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('tells where an array is to be pulled from, and passes that on', () => {
    const item = (id: string) =>
      new RemoteItem(
        { fqcn: 'site-1.job', refId: 'r1', dot: 3 },
        id,
        new PyObject('numpy.ndarray', { type: 'ref', data: id }, 'some.Decomposer'),
      );
    const value = { a: item('T0'), b: [item('T1')] };
    const bytes = encodeFobs(value);
    expect(decodeFobs(bytes)).toMatchObject({
      value,
      references: [{ fqcn: 'site-1.job', refId: 'r1', dot: 3 }],
    });
    const array = NdArray.float32([1]);
    const resolve = ({ itemId }: RemoteItem) => (itemId === 'T1' ? array : undefined);
    const { value: pulled, references } = decodeFobs(bytes, { resolve });
    expect(pulled).toEqual({ a: item('T0'), b: [array] });
    expect(references).toHaveLength(1);
    expect(decodeFobs(bytes, { resolve: () => array }).references).toEqual([]);
    expect(() => encodeFobs(value, { dialect: '2.4' })).toThrow(
      expect.objectContaining({ code: CommErrorCode.NOT_SUPPORTED }),
    );
    const other = new RemoteItem({ fqcn: 'site-2', refId: 'r2', dot: 3 }, 'T0', item('T0').placeholder);
    expect(() => encodeFobs([item('T0'), other])).toThrow(BAD_DATA);
  });

  it('keeps arrays for others to pull, where it is asked to', () => {
    const placeholder = (type: string, id: string) => new PyObject(type, { type: 'ref', data: id }, 'x.Y');
    const keep = (array: NdArray) =>
      array instanceof Tensor
        ? new RemoteItem({ fqcn: 'a', refId: 't', dot: 6 }, 'T0', placeholder('torch.Tensor', 'T0'))
        : array.data.byteLength > 4
          ? new RemoteItem({ fqcn: 'a', refId: 'n', dot: 3 }, 'T0', placeholder('numpy.ndarray', 'T0'))
          : undefined;
    const small = NdArray.float32([1]);
    const large = NdArray.float32([1, 2]);
    const bytes = encodeFobs({ small, large, tensor: Tensor.from(small) }, { keep });
    const { value, references } = decodeFobs(bytes);
    expect(value).toMatchObject({ small, large: { refId: 'n' }, tensor: { refId: 't' } });
    expect(references.map(({ refId }) => refId)).toEqual(['n', 't']);
  });

  it.each(['2.4', '2.7'] as const)('brings files and tensors of %s back', (dialect) => {
    const tensor = Tensor.from(new NdArray('bfloat16', [2], Uint16Array.of(0x3fc0, 0xc000)));
    const value = [new PyFile(Uint8Array.of(1, 2)), new PyFile(Uint8Array.of(3)), tensor];
    const { value: read } = decodeFobs(encodeFobs(value, { dialect }));
    expect(read).toStrictEqual(value);
    expect(() => encodeFobs(new PyFile(new Uint8Array()))).toThrow(BAD_DATA);
    expect(() => encodeFobs(new NdArray('bfloat16', [0], new Uint16Array()))).toThrow(BAD_DATA);
  });

  it('takes text and bytes from the datums behind the value', () => {
    const reference = (id: string) =>
      new PyObject('nvflare.fuel.utils.fobs.datum.DatumRef', { data: { datum_id: id, unwrap: true } }, 'x.Y');
    const id = '00000000-0000-0000-0000-0000000000';
    const datum = (marker: number, last: string, body: string) =>
      bytesOf(
        `${marker.toString(16)}00 ${(16 + body.length / 2).toString(16).padStart(16, '0')} ${'00'.repeat(15)}${last} ${body}`,
      );
    const bytes = Buffer.concat([
      encodeFobs([reference(`${id}01`), reference(`${id}02`), reference(`${id}03`)]),
      datum(0x65, '01', '6869'),
      datum(0x66, '02', '0102'),
    ]);
    expect(decodeFobs(bytes).value).toEqual(['hi', Uint8Array.of(1, 2), reference(`${id}03`)]);
  });

  it.each(['2.4', '2.7'] as const)('writes what a value of %s has many times twice at most', (dialect) => {
    const array = NdArray.float32(new Float32Array(500));
    const file = new PyFile(new Uint8Array(2_000));
    const many = (value: FobsValue, count = 100) => Array<FobsValue>(count).fill(value);
    for (const value of [many(array), many(file), [many('a'.repeat(4_000)), many(new Uint8Array(4_000))]]) {
      if (dialect === '2.4' && value[0] instanceof Array) continue;
      const bytes = encodeFobs(value, { dialect });
      expect(bytes.length).toBeLessThan(100_000);
      expect(decodeFobs(bytes).value).toEqual(value);
      expect(encodeFobs(decodeFobs(bytes).value, { dialect }).length).toBeLessThan(100_000);
    }
    const text = `\ufeff${'ü'.repeat(255)}`;
    const keys = [
      { [text]: text },
      new Map<FobsValue, FobsValue>([
        [text, text],
        [1, text],
      ]),
    ];
    expect(decodeFobs(encodeFobs(keys, { dialect })).value).toEqual(keys);
    let deep: FobsValue = many(text, 3);
    for (let depth = 0; depth < 98; depth += 1) deep = [deep];
    expect(decodeFobs(encodeFobs(deep, { dialect })).value).toEqual(deep);
  });

  it.each<[string, (text: string) => FobsValue]>([
    ['keys of dicts', (text) => ({ [text]: 1 })],
    ['keys of Maps', (text) => new Map([[text, 1]])],
    ['names of classes', (text) => new PyObject(text, 1)],
    ['names of decomposers', (text) => new PyObject('x', 1, text)],
  ])('refuses to write 64 MiB of copies, in %s', (_name, value) => {
    const text = 'a'.repeat(1024 ** 2);
    expect(() => encodeFobs(Array<FobsValue>(66).fill(value(text)))).toThrow(BAD_DATA);
    expect(() => encodeFobs(Array<FobsValue>(66).fill(text), { dialect: '2.4' })).toThrow(BAD_DATA);
  });

  it('writes what it has again as datums, as many as a reader takes', () => {
    const contents = Array.from({ length: 40_000 }, (_, at) => new Uint8Array(256).fill(at));
    const encoded = encodeFobs([...contents, ...contents]);
    expect(readSections(encoded).sections).toHaveLength(40_001);
  });

  describe('of a value with more datums than it refers to', () => {
    const datum = (last: number) => bytesOf(`6600 0000000000000010 ${last.toString(16).padStart(32, '0')}`);
    const many = Array.from({ length: 50 }, (_, last) => datum(last));
    const datumRef = new PyObject('nvflare.fuel.utils.fobs.datum.DatumRef', {
      data: { datum_id: '00000000-0000-0000-0000-000000000007' },
    });

    it('none is looked at before something refers to one, and each once', () => {
      const keys = vi.spyOn(Datum.prototype, 'key', 'get');
      onTestFinished(() => keys.mockRestore());
      expect(decodeFobs(Buffer.concat([encodeFobs(1), ...many])).value).toBe(1);
      expect(keys).not.toHaveBeenCalled();
      const twice = encodeFobs([datumRef, datumRef]);
      expect(decodeFobs(Buffer.concat([twice, ...many])).value).toEqual([new Uint8Array(), new Uint8Array()]);
      expect(keys).toHaveBeenCalledTimes(50);
    });

    it('each counts as a value', () => {
      const encoded = Buffer.concat([encodeFobs(1), ...many]);
      expect(decodeFobs(encoded, { maxValues: 51 }).value).toBe(1);
      expect(() => decodeFobs(encoded, { maxValues: 50 })).toThrow(BAD_DATA);
    });
  });

  it('decodes a datum once, however many refer to it', () => {
    const id = '00000000-0000-0000-0000-000000000001';
    const reference = new PyObject(
      'nvflare.fuel.utils.fobs.datum.DatumRef',
      { data: { datum_id: id } },
      'x.Y',
    );
    const datum = (marker: number, content: Uint8Array) => {
      const header = new Uint8Array(26);
      header[0] = marker;
      header[25] = 1;
      new DataView(header.buffer).setBigUint64(2, BigInt(16 + content.length));
      return Buffer.concat([header, content]);
    };
    const decode = vi.spyOn(TextDecoder.prototype, 'decode');
    const text = Buffer.concat([
      encodeFobs(Array<FobsValue>(50).fill(reference)),
      datum(0x65, bytesOf('6869')),
    ]);
    expect(decodeFobs(text).value).toEqual(Array(50).fill('hi'));
    expect(decode.mock.results.filter(({ value }) => value === 'hi')).toHaveLength(1);
    decode.mockRestore();
    const npy = Buffer.from(
      `\x93NUMPY\x01\0\x38\0{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}\n`,
      'latin1',
    );
    const arrays = Array<FobsValue>(2).fill(new PyObject('numpy.ndarray', reference, 'x.Y'));
    const blob = Buffer.concat([encodeFobs(arrays), datum(0x66, Buffer.concat([npy, bytesOf('3f800000')]))]);
    const [one, other] = decodeFobs(blob).value as [NdArray, NdArray];
    expect(one).toBeInstanceOf(NdArray);
    expect(other).toBe(one);
  });

  it('refuses a text datum that is not UTF-8, and a reference that is too long, without reading it', () => {
    const id = '00000000-0000-0000-0000-000000000001';
    const ref = new PyObject('nvflare.fuel.utils.fobs.datum.DatumRef', { data: { datum_id: id } });
    const datum = (dot: number, content: Uint8Array) => {
      const header = new Uint8Array(26);
      header.set([0x65, dot]);
      header[25] = 1;
      new DataView(header.buffer).setBigUint64(2, BigInt(16 + content.length));
      return Buffer.concat([header, content]);
    };
    expect(() => decodeFobs(Buffer.concat([encodeFobs(ref), datum(0, bytesOf('c328'))]))).toThrow(BAD_DATA);
    const item = new PyObject('numpy.ndarray', { type: 'ref', data: 'T0' });
    const decode = vi.spyOn(TextDecoder.prototype, 'decode');
    onTestFinished(() => decode.mockRestore());
    const encoded = Buffer.concat([encodeFobs(item), datum(3, Buffer.alloc(70_000, 'x'))]);
    expect(() => decodeFobs(encoded)).toThrow(BAD_DATA);
    expect(Math.max(...decode.mock.calls.map(([bytes]) => bytes?.byteLength ?? 0))).toBeLessThan(100);
  });

  it('makes views on the input, and never Buffers', () => {
    const bytes = Buffer.from(encodeFobs({ blob: new Uint8Array(10_000) }));
    const { blob } = decodeFobs(bytes).value as { blob: Uint8Array };
    expect(Buffer.isBuffer(blob)).toBe(false);
    expect(blob.buffer).toBe(bytes.buffer);
  });
});

describe('what is no FOBS', () => {
  it.each<[string, string]>([
    ['nothing', ''],
    ['a header alone', '6400 0000000000000000'],
    ['a section cut off', '6400 0000000000000005 c0'],
    ['a datum first', '6500 0000000000000001 c0'],
    ['a second main section', '6400 0000000000000001 c0 6400 0000000000000001 c0'],
    ['a datum without an ID', '6400 0000000000000001 c0 6500 0000000000000001 00'],
    ['two values', '6400 0000000000000002 c0c0'],
    ['an extension type', '6400 0000000000000003 d40100'],
    ['a type that is not used', '6400 0000000000000001 c1'],
    ['a list of four billion items', '6400 0000000000000005 ddffffffff'],
    ['a map of four billion entries', '6400 0000000000000005 dfffffffff'],
    ['a text longer than the input', '6400 0000000000000002 a5 61'],
    ['a text that is not UTF-8', '6400 0000000000000003 a2 c328'],
    ['an int cut off', '6400 0000000000000002 cd00'],
  ])('is refused: %s', (_name, hex) => {
    expect(() => decodeFobs(bytesOf(hex))).toThrow(BAD_DATA);
  });

  it('is refused beyond the limits of depth and values', () => {
    const nested = (depth: number) => main(Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)]));
    expect(() => decodeFobs(nested(101))).toThrow(BAD_DATA);
    expect(() => decodeFobs(nested(3), { maxDepth: 2 })).toThrow(BAD_DATA);
    expect(decodeFobs(nested(2), { maxDepth: 2 }).value).toEqual([[null]]);
    expect(() => decodeFobs(encodeFobs([1, 2, 3]), { maxValues: 3 })).toThrow(BAD_DATA);
    expect(decodeFobs(encodeFobs([1, 2, 3]), { maxValues: 4 }).value).toEqual([1, 2, 3]);
  });

  it.each<[string, (keys: readonly number[]) => FobsValue]>([
    ['a dict', (keys) => new Map(keys.map((key) => [key, null]))],
    ['a set', (keys) => new Set(keys)],
    ['an ordered dict', (keys) => new OrderedDict(keys.map((key) => [key, null]))],
    ['many of them', (keys) => keys.map((key) => new Map([[key, null]]))],
  ])('is %s with more large numbers as keys than it may have, since they may collide', (_name, valueOf) => {
    const large = Array.from({ length: 4_097 }, (_, index) => 2_000_000 + index);
    expect(() => again(valueOf(large))).toThrow(BAD_DATA);
    expect(() => again(valueOf(large.map((key) => key + 0.5)))).toThrow(BAD_DATA);
    expect(again(valueOf(large.slice(1)))).toEqual(valueOf(large.slice(1)));
    expect(again(valueOf(large.map((key) => key - 1_500_000)))).toEqual(
      valueOf(large.map((key) => key - 1_500_000)),
    );
    expect(() => decodeFobs(encodeFobs(valueOf(large.slice(-2))), { maxNumberKeys: 1 })).toThrow(BAD_DATA);
  });

  it('has at most 100,000 integers between 65,536 and a million as keys, in one Map or in many', () => {
    const sets = (count: number) =>
      Array.from({ length: 50 }, () => new Set(Array.from({ length: count }, (_, index) => 65_537 + index)));
    const read = decodeFobs(encodeFobs(sets(2_000))).value as readonly ReadonlySet<number>[];
    expect(read.map(({ size }) => size)).toEqual(Array(50).fill(2_000));
    expect(() => decodeFobs(encodeFobs(sets(2_001)))).toThrow(BAD_DATA);
  });

  it('has at most 64 keys of more than 16,383 characters, since V8 hashes these by their length', () => {
    const long = (count: number) =>
      Array.from({ length: count }, (_, index) => [`${'x'.repeat(16_384)}${index}`, null] as const);
    for (const valueOf of [
      Object.fromEntries<null>,
      (pairs: ReturnType<typeof long>) => new OrderedDict(pairs),
    ]) {
      expect(again(valueOf(long(64)))).toEqual(valueOf(long(64)));
      expect(() => again(valueOf(long(65)))).toThrow(BAD_DATA);
    }
    expect(() => again(new Set(long(65).map(([key]) => key)))).toThrow(BAD_DATA);
    const short = Object.fromEntries(
      long(100).map(([key], index) => [key.slice(0, 16_000) + String(index), null]),
    );
    expect(again(short)).toEqual(short);
  });

  it('has as many large numbers as texts of digits, but for a plain object, where they cannot collide', () => {
    const texts = Array.from({ length: 4_097 }, (_, index) => `${2_000_000 + index}`);
    expect(() => again(new Set(texts))).toThrow(BAD_DATA);
    expect(() => again(new OrderedDict(texts.map((text) => [text, null])))).toThrow(BAD_DATA);
    expect(() => again(new Map<FobsValue, null>([null, ...texts].map((text) => [text, null])))).toThrow(
      BAD_DATA,
    );
    const dict = Object.fromEntries(texts.map((text) => [text, null]));
    expect(again(dict)).toEqual(dict);
    const small = new Set(Array.from({ length: 10_000 }, (_, index) => `${index}`));
    expect(again(small)).toEqual(small);
  });

  it.each([
    { maxValues: undefined as unknown as number },
    { maxDepth: undefined as unknown as number },
    { maxNumberKeys: undefined as unknown as number },
  ])('is refused by the defaults where a limit is undefined: %j', (limit) => {
    const deep = main(Buffer.concat([Buffer.alloc(101, 0x91), Buffer.of(0xc0)]));
    expect(() => decodeFobs(deep, limit)).toThrow(BAD_DATA);
    const many = main(Buffer.concat([Buffer.of(0xdd, 0, 15, 66, 64), Buffer.alloc(1_000_000)]));
    expect(() => decodeFobs(many, limit)).toThrow(BAD_DATA);
    const keys = encodeFobs(new Set(Array.from({ length: 4_097 }, (_, index) => index + 0.5)));
    expect(() => decodeFobs(keys, limit)).toThrow(BAD_DATA);
  });

  it.each([Number.NaN, -1, '5' as unknown as number])('cannot have the limit %s', (limit) => {
    for (const name of ['maxValues', 'maxDepth', 'maxNumberKeys'])
      expect(() => decodeFobs(encodeFobs(1), { [name]: limit })).toThrow(
        expect.objectContaining({
          code: CommErrorCode.BAD_CONFIG,
          message: expect.stringContaining(name) as string,
        }),
      );
  });

  it('is refused whatever was changed in good bytes, or read', () => {
    const good = encodeFobs({
      array: NdArray.float32([1, 2, 3]),
      tuple: Tuple.from([1, 'two']),
      set: new Set([1]),
      ordered: new OrderedDict([['a', 1]]),
      time: new Date(0),
    });
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = good.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        try {
          decodeFobs(bytes);
        } catch (error) {
          expect(error).toEqual(BAD_DATA);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['an instance of a class without toFobs', new URL('http://x')],
    ['half a surrogate pair', '\ud800'],
    ['an integer beyond 64 bits', 2n ** 64n],
    ['a negative one', -(2n ** 63n) - 1n],
    ['an invalid date', new Date(Number.NaN)],
  ])('cannot be sent: %s', (_name, value) => {
    expect(() => encodeFobs([value as FobsValue])).toThrow(BAD_DATA);
  });

  it('cannot be sent: a circle', () => {
    const circle: FobsValue[] = [];
    circle.push(circle);
    expect(() => encodeFobs(circle)).toThrow(BAD_DATA);
  });
});
