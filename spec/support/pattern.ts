import { createHash } from 'node:crypto';

/** A payload that is the same in Python and here: byte i is `(i * 31 + seed) & 0xff`. */
export function pattern(size: number, seed = 0): Uint8Array {
  const block = Uint8Array.from({ length: 256 }, (_, index) => index * 31 + seed);
  const bytes = new Uint8Array(size);
  for (let offset = 0; offset < size; offset += block.length)
    bytes.set(block.subarray(0, size - offset), offset);
  return bytes;
}

/** In hex; of nothing for an absent payload. */
export function sha256(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? new Uint8Array(0))
    .digest('hex');
}
