import { type Dtype, DTYPES, type NdArray } from '../fobs/index.js';
import { elementCount } from '../fobs/nd-array.js';
import { Room } from './cells-room.js';

/** As numpy: an array of more elements shows this many at each end of an axis. */
const MAX_WHOLE = 1_000;
const EDGE = 3;
/** Where an array has many short axes, even its edges are many. */
const MAX_NODES = 2 * MAX_WHOLE;
/** As numpy shows floats. */
const DIGITS = 8;
const REST = '...';

/**
 * The elements as nested lists, one for each axis, as `print` of numpy shows them: all of a small array, of a larger one the
 * first and the last of each axis, and `...` for what is between. What JSON lacks is text: `nan`, `inf`, complex numbers.
 *
 * @param room - of those beyond it only `...` is shown. Default: all fit
 */
export function elementsOf({ dtype, shape, data, isFortran }: NdArray, room = new Room()): unknown {
  const { lanes } = DTYPES[dtype];
  const isCut = elementCount(shape) > MAX_WHOLE;
  const strides = stridesOf(shape, lanes, isFortran);
  const nodes = new Room(MAX_NODES);
  const from = (axis: number, at: number): unknown => {
    const length = shape[axis];
    if (length === undefined) {
      const element = elementOf(dtype, data[at], data[at + 1]);
      room.take(String(element).length);
      return element;
    }
    const isShort = !isCut || length <= 2 * EDGE;
    const places = isShort
      ? range(0, Math.min(length, MAX_NODES))
      : [...range(0, EDGE), ...range(length - EDGE, length)];
    const items: unknown[] = [];
    for (const place of places) {
      if (!isShort && place === length - EDGE) items.push(REST);
      if (nodes.take(1) === 0 || room.take(1) === 0) return [...items, REST];
      items.push(from(axis + 1, at + place * (strides[axis] ?? 0)));
    }
    return items;
  };
  return from(0, 0);
}

/** How far apart the elements of each axis are in memory. */
function stridesOf(shape: readonly number[], lanes: number, isFortran: boolean): readonly number[] {
  return shape.map(
    (_, axis) => elementCount(isFortran ? shape.slice(0, axis) : shape.slice(axis + 1)) * lanes,
  );
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function elementOf(dtype: Dtype, value: number | bigint = 0, imaginary: number | bigint = 0): unknown {
  if (typeof value === 'bigint') return value;
  if (dtype === 'bool') return value !== 0;
  if (dtype === 'float16') return float(halfOf(value));
  if (dtype === 'bfloat16') return float(singleOf(value));
  if (dtype.startsWith('complex')) return `${float(value)}+${float(Number(imaginary))}j`.replace('+-', '-');
  return dtype.startsWith('float') ? float(value) : value;
}

function float(value: number): number | string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Number(value.toPrecision(DIGITS));
}

/** IEEE 754 binary16: a sign, 5 bits of exponent, 10 of mantissa. */
function halfOf(bits: number): number {
  const sign = (bits & 0x80_00) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3_ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 is the upper half of a 32-bit float. */
function singleOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits * 0x1_00_00).buffer)[0] ?? 0;
}
