import { DTYPES, NdArray } from './nd-array.js';

/** The array with its last axis fastest, as C and JavaScript order it: itself, or a copy where it is in Fortran order. */
export function rowMajor(array: NdArray): NdArray {
  const { dtype, shape, data, isFortran } = array;
  if (!isFortran) return array;
  const { lanes, memory } = DTYPES[dtype];
  const copy = new memory(data.length);
  /** How far the next element of each axis is, in the memory in Fortran order. */
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, length) => product * length, lanes),
  );
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < copy.length; to += lanes) {
    for (let lane = 0; lane < lanes; lane += 1) copy[to + lane] = data[from + lane] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const next = (index[axis] ?? 0) + 1;
      const isEnd = next === shape[axis];
      index[axis] = isEnd ? 0 : next;
      from += isEnd ? -(next - 1) * (strides[axis] ?? 0) : (strides[axis] ?? 0);
      if (!isEnd) break;
    }
  }
  return new NdArray(dtype, shape, copy);
}
