import { encodeHead, type FrameHead } from '../../lib/wire/frame.js';
import { stampSequence } from '../../lib/wire/prefix.js';

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A whole frame in memory of its own. */
export function frameOf(head: FrameHead, payload: Uint8Array = new Uint8Array(0), sequence = 1): Uint8Array {
  const bytes = concatBytes([encodeHead(head, payload.length), payload]);
  stampSequence(bytes, sequence);
  return bytes;
}

/** Cuts bytes into views of `size` bytes, the last one shorter. */
export function chunksOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}
