import { type Dtype, DTYPES, type NdData } from './nd-array.js';

/** Typed arrays use the byte order of the machine, files say their own. */
export const IS_LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The elements that bytes are: a view where they are aligned and in the byte order of the machine, else a copy. */
export function elements(bytes: Uint8Array, dtype: Dtype, isSwapped: boolean): NdData {
  const { memory } = DTYPES[dtype];
  const width = memory.BYTES_PER_ELEMENT;
  const isView = width === 1 || (!isSwapped && bytes.byteOffset % width === 0);
  const own = isView ? bytes : isSwapped ? swapped(bytes, width) : new Uint8Array(bytes);
  return new memory(own.buffer as ArrayBuffer, own.byteOffset, own.length / width);
}

/** A copy, with the bytes of each element in the other order. */
export function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  const last = width - 1;
  for (let at = 0; at < copy.length; at += width)
    for (let index = 0; index < width; index += 1) copy[at + index] = bytes[at + last - index] ?? 0;
  return copy;
}
