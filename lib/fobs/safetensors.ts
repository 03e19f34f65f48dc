import { isMatching, P } from 'ts-pattern';

import { concatenated } from '../concatenated.js';
import { oneLine, quoted } from '../quoted.js';
import { badFobs } from './bad-fobs.js';
import { CollidingKeys, MAX_HASHED_LENGTH } from './colliding-keys.js';
import { bytesOf, type Dtype, DTYPES, MAX_AXES, NdArray, elementCount } from './nd-array.js';
import { elements, IS_LITTLE, swapped } from './elements.js';
import { rowMajor } from './row-major.js';

/*
 * The format of safetensors: u64 length of the header (little-endian), the header as JSON, the elements. The header has
 * {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …} and perhaps "__metadata__". The elements are
 * little-endian, in row-major order, without gaps. Source: the README of huggingface/safetensors.
 */
const LENGTH_BYTES = 8;
const METADATA = '__metadata__';
/** A header of 100,000 tensors. */
const MAX_HEADER_BYTES = 16 * 1024 ** 2;
/** Their offsets and axes included. A JSON value takes up to 100 times its bytes in memory. */
const MAX_HEADER_VALUES = 1_000_000;

/** The names of the types. */
const NAMES = {
  bool: 'BOOL',
  int8: 'I8',
  uint8: 'U8',
  int16: 'I16',
  uint16: 'U16',
  int32: 'I32',
  uint32: 'U32',
  int64: 'I64',
  uint64: 'U64',
  float16: 'F16',
  bfloat16: 'BF16',
  float32: 'F32',
  float64: 'F64',
  complex64: 'C64',
  complex128: undefined,
} as const satisfies Record<Dtype, string | undefined>;

const TYPES: ReadonlyMap<string | undefined, Dtype> = new Map(
  (Object.keys(NAMES) as Dtype[]).map((dtype) => [NAMES[dtype], dtype]),
);

const [QUOTE, COMMA, COLON, BRACKET, BACKSLASH, BRACE] = [0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x7b];

const count = P.when(isCount);
const isTensor = isMatching({ dtype: P.string, shape: P.when(isShape), data_offsets: [count, count] });

/**
 * Reads a safetensors file: arrays by name, in the order of their elements. They are views on `bytes` where they are
 * aligned.
 *
 * @throws CommError `BAD_DATA` for anything else, a type that is not in {@link DTYPES}, and elements that overlap or have
 * gaps, a header of more than 16 MiB, one of more than 1,000,000 values, and names of more than 16,383 bytes
 */
export function readSafetensors(bytes: Uint8Array): Map<string, NdArray> {
  const { header, start } = readHeader(bytes);
  const tensors = Object.entries(header)
    .filter(([name]) => name !== METADATA)
    .map(([name, tensor]) => {
      if (!isTensor(tensor)) throw badTensors(`${quoted(name)} is no tensor`);
      const { dtype, shape, data_offsets: offsets } = tensor;
      return { name, dtype, shape, offsets };
    })
    .sort(({ offsets: left }, { offsets: right }) => left[0] - right[0] || left[1] - right[1]);
  const arrays = new Map<string, NdArray>();
  const keys = new CollidingKeys();
  let end = 0;
  for (const { name, dtype, shape, offsets } of tensors) {
    const type = TYPES.get(dtype);
    if (type === undefined) throw badTensors(`no array of a known type (${quoted(dtype)})`);
    const size = elementCount(shape) * DTYPES[type].lanes * DTYPES[type].memory.BYTES_PER_ELEMENT;
    if (offsets[0] !== end || offsets[1] - end !== size || offsets[1] > bytes.length - start)
      throw badTensors(`${quoted(name)} does not fit its shape, or its place`);
    end = offsets[1];
    const part = bytes.subarray(start + offsets[0], start + end);
    keys.note(name);
    arrays.set(name, new NdArray(type, shape, elements(part, type, !IS_LITTLE)));
  }
  if (end !== bytes.length - start) throw badTensors(`${bytes.length - start - end} bytes follow`);
  return arrays;
}

/**
 * Writes a safetensors file: a Map of arrays, or other pairs of name and array. Those with the widest elements come first,
 * so that all are aligned.
 *
 * @returns new memory; the elements are copied once, and once more where they are in Fortran order
 * @throws CommError `BAD_DATA` for complex128, which the format has not, a name that comes twice, the name `__metadata__`,
 * which is none of a tensor, and what {@link readSafetensors} refuses: a header that is too large, and names that are too long
 */
export function writeSafetensors(arrays: Iterable<readonly [name: string, array: NdArray]>): Uint8Array {
  const header: Record<string, object> = {};
  const keys = new CollidingKeys();
  const parts: Uint8Array[] = [];
  let end = 0;
  const widest = ({ dtype }: NdArray): number => DTYPES[dtype].memory.BYTES_PER_ELEMENT;
  for (const [name, array] of [...arrays].sort(([, left], [, right]) => widest(right) - widest(left))) {
    const dtype = NAMES[array.dtype];
    keys.note(name);
    if (name === METADATA || Object.hasOwn(header, name))
      throw badTensors(`${quoted(name)} is no name for a tensor, or that of a second one`);
    if (dtype === undefined) throw badTensors(`it has no ${array.dtype}`);
    const part = bytesOf(rowMajor(array));
    Object.defineProperty(header, name, {
      value: { dtype, shape: array.shape, data_offsets: [end, end + part.length] },
      enumerable: true,
    });
    parts.push(IS_LITTLE ? part : swapped(part, widest(array)));
    end += part.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  requireModest(text);
  const head = new Uint8Array(LENGTH_BYTES + Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - LENGTH_BYTES), true);
  head.set(text, LENGTH_BYTES);
  return concatenated([head, ...parts]);
}

function readHeader(bytes: Uint8Array): { readonly header: object; readonly start: number } {
  if (bytes.length < LENGTH_BYTES) throw badTensors('no safetensors file');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = LENGTH_BYTES + length;
  if (start > bytes.length) throw badTensors('the header is cut off');
  const json = bytes.subarray(LENGTH_BYTES, start);
  requireModest(json);
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(json));
    if (typeof header === 'object' && header !== null) return { header, start };
  } catch (error) {
    throw badTensors(`the header is no JSON (${oneLine(String(error))})`);
  }
  throw badTensors('the header is no JSON object');
}

/**
 * Bounds JSON before it is parsed. A value is the first one, or follows a bracket, a brace or a comma outside of texts. A
 * text is a name where a colon follows; long ones would collide.
 */
function requireModest(json: Uint8Array): void {
  if (json.length > MAX_HEADER_BYTES) throw badTensors(`the header has more than ${MAX_HEADER_BYTES} bytes`);
  let values = 1;
  let textBytes = 0;
  let isText = false;
  let isEscaped = false;
  for (const byte of json) {
    if (isText && byte !== QUOTE) textBytes += 1;
    if (isEscaped) isEscaped = false;
    else if (byte === BACKSLASH) isEscaped = true;
    else if (byte === QUOTE) {
      if (!isText) textBytes = 0;
      isText = !isText;
    } else if (isText) continue;
    else if (byte === COMMA || byte === BRACKET || byte === BRACE) values += 1;
    else if (byte === COLON && textBytes > MAX_HASHED_LENGTH)
      throw badTensors(`the header has a name of more than ${MAX_HASHED_LENGTH} bytes`);
  }
  if (values > MAX_HEADER_VALUES) throw badTensors(`the header has more than ${MAX_HEADER_VALUES} values`);
}

/** The length comes first, since a header may have a million axes. */
function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= MAX_AXES && value.every(isCount);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function badTensors(fault: string): Error {
  return badFobs(`safetensors: ${fault}`);
}
