import { badFobs } from './bad-fobs.js';

/** The memory of an array: one element each, or two for complex numbers. */
export type NdData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/**
 * The element types that JavaScript can hold, by numpy's name. `bool`, `float16` and `bfloat16` have no typed array of
 * their own in every runtime: their memory is a Uint8Array of 0 and 1, and a Uint16Array of the bits. The memory of a
 * complex number is its real part and its imaginary part. `code` is that of npy files; `bfloat16`, which numpy has not,
 * has none: PyTorch sends it, as a {@link Tensor}.
 */
export const DTYPES = {
  bool: { code: '|b1', memory: Uint8Array, lanes: 1 },
  int8: { code: '|i1', memory: Int8Array, lanes: 1 },
  uint8: { code: '|u1', memory: Uint8Array, lanes: 1 },
  int16: { code: '<i2', memory: Int16Array, lanes: 1 },
  uint16: { code: '<u2', memory: Uint16Array, lanes: 1 },
  int32: { code: '<i4', memory: Int32Array, lanes: 1 },
  uint32: { code: '<u4', memory: Uint32Array, lanes: 1 },
  int64: { code: '<i8', memory: BigInt64Array, lanes: 1 },
  uint64: { code: '<u8', memory: BigUint64Array, lanes: 1 },
  float16: { code: '<f2', memory: Uint16Array, lanes: 1 },
  bfloat16: { code: undefined, memory: Uint16Array, lanes: 1 },
  float32: { code: '<f4', memory: Float32Array, lanes: 1 },
  float64: { code: '<f8', memory: Float64Array, lanes: 1 },
  complex64: { code: '<c8', memory: Float32Array, lanes: 2 },
  complex128: { code: '<c16', memory: Float64Array, lanes: 2 },
} as const;

/** The most axes of an array that is read, as numpy has them. */
export const MAX_AXES = 64;

/** Name of an element type, as numpy has it. */
export type Dtype = keyof typeof DTYPES;

/** An array of numbers with a shape: numpy's `ndarray`. */
export class NdArray {
  readonly dtype: Dtype;
  /** Length of each axis; empty for a single number. */
  readonly shape: readonly number[];
  /** The elements, the last axis fastest, or the first one where `isFortran`. */
  readonly data: NdData;
  /** The first axis is contiguous in memory. */
  readonly isFortran: boolean;

  /**
   * @param dtype - fits the class of `data`, see {@link DTYPES}
   * @param isFortran - Default: false
   * @throws CommError `BAD_DATA` where `data` is of another class, or the shape has another size
   */
  constructor(dtype: Dtype, shape: readonly number[], data: NdData, isFortran = false) {
    const { memory, lanes } = DTYPES[dtype];
    if (!(data instanceof memory)) throw badFobs(`an array of ${dtype} needs a ${memory.name}`);
    const expected = elementCount(shape) * lanes;
    if (data.length !== expected)
      throw badFobs(
        `the shape [${shape.join(', ')}] of ${dtype} needs ${expected} elements, got ${data.length}`,
      );
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
    this.isFortran = isFortran;
  }

  /** An array of 32-bit floats, of one axis or of the shape that is given. */
  static float32(values: ArrayLike<number>, shape: readonly number[] = [values.length]): NdArray {
    return new NdArray('float32', shape, values instanceof Float32Array ? values : Float32Array.from(values));
  }

  /** An array of 64-bit floats, of one axis or of the shape that is given. */
  static float64(values: ArrayLike<number>, shape: readonly number[] = [values.length]): NdArray {
    return new NdArray('float64', shape, values instanceof Float64Array ? values : Float64Array.from(values));
  }
}

/**
 * A `torch.Tensor`, which NVFlare sends as safetensors. Python needs PyTorch to read it. It is in row-major order: one in
 * Fortran order is copied when it is sent.
 */
export class Tensor extends NdArray {
  /** The array as a tensor, with the same memory. */
  static from({ dtype, shape, data, isFortran }: NdArray): Tensor {
    return new Tensor(dtype, shape, data, isFortran);
  }
}

/** The number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}

/** The memory of its elements. */
export function bytesOf({ data }: NdArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
