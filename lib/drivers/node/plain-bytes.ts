/**
 * A view on a Buffer, or on a part of one, that is a plain Uint8Array. Frames leave a driver without Buffer semantics:
 * `slice` of a Buffer does not copy.
 */
export function plainBytes(bytes: Uint8Array, start = 0, length = bytes.length): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}
