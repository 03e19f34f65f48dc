import { randomFillSync } from 'node:crypto';
import { createRequire } from 'node:module';

/** Writes the four bytes of a masking key. */
export type GenerateMask = (mask: Uint8Array) => void;

/** Masks the bytes of `buffer`, or unmasks them, which is the same. */
type MaskInPlace = (buffer: Uint8Array, mask: Uint8Array) => void;

/** Writes `length` masked bytes of `source` to `target` from `offset` on. */
type MaskTo = (
  source: Uint8Array,
  mask: Uint8Array,
  target: Uint8Array,
  offset: number,
  length: number,
) => void;

const pool = new Uint8Array(8 * 1024);
let poolUsed = pool.length;

/** Writes an unpredictable key, as the standard demands. */
export function randomMask(mask: Uint8Array): void {
  if (poolUsed === pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  for (let index = 0; index < mask.length; index += 1) mask[index] = pool[poolUsed + index] ?? 0;
  poolUsed += mask.length;
}

/**
 * `bufferutil`, which `ws` uses too, masks in native code, 35 times as fast as a loop over bytes. Without it, a loop
 * over words of four bytes is six times as fast.
 */
const native = loadNative();

/** Masks in place. */
export const maskInPlace: MaskInPlace = native?.unmask ?? maskWords;

/** Masks into another buffer. */
export const maskTo: MaskTo = native?.mask ?? maskCopy;

function loadNative(): { readonly mask: MaskTo; readonly unmask: MaskInPlace } | undefined {
  try {
    return createRequire(import.meta.url)('bufferutil') as { mask: MaskTo; unmask: MaskInPlace };
  } catch {
    return undefined; // An optional dependency.
  }
}

/** {@link maskTo} in plain JavaScript. */
export function maskCopy(
  source: Uint8Array,
  mask: Uint8Array,
  target: Uint8Array,
  offset: number,
  length: number,
): void {
  target.set(source.subarray(0, length), offset);
  maskWords(target.subarray(offset, offset + length), mask);
}

/** Less than this is masked in JavaScript: to call native code costs more. */
const NATIVE_BYTES = 512;

/** The memory that was masked last as words, since many messages lie in one piece of it. */
let lastWords: Uint32Array = new Uint32Array(0);

/** {@link maskInPlace} for the bytes from `begin` to `end`, without an object for them where they are few. */
export function maskRange(bytes: Uint8Array, mask: Uint8Array, begin: number, end: number): void {
  if (end - begin >= NATIVE_BYTES) {
    maskInPlace(bytes.subarray(begin, end), mask);
    return;
  }
  if (lastWords.buffer !== bytes.buffer) lastWords = wordsOf(bytes);
  maskByWords(lastWords, bytes, mask, begin, end);
}

/** The masking key rotated by `bytes`, for a payload that starts there. */
export function maskAfter(mask: Uint8Array, bytes: number): Uint8Array {
  return mask.map((_, index) => mask[(index + bytes) % 4] ?? 0);
}

/** {@link maskInPlace} in plain JavaScript. */
export function maskWords(buffer: Uint8Array, mask: Uint8Array): void {
  maskByWords(wordsOf(buffer), buffer, mask, 0, buffer.length);
}

/** All of the memory that some bytes are in. */
function wordsOf({ buffer }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
}

const wordOfMask = new Uint32Array(1);
const bytesOfWord = new Uint8Array(wordOfMask.buffer);

/** @param words - of the memory of `bytes` */
function maskByWords(
  words: Uint32Array,
  bytes: Uint8Array,
  mask: Uint8Array,
  begin: number,
  end: number,
): void {
  const { byteOffset } = bytes;
  const lead = (4 - ((byteOffset + begin) & 3)) & 3;
  const firstWord = Math.min(begin + lead, end);
  maskBytes(bytes, mask, begin, begin, firstWord);
  for (let index = 0; index < 4; index += 1) bytesOfWord[index] = mask[(lead + index) & 3] ?? 0;
  const [word = 0] = wordOfMask;
  let index = (byteOffset + firstWord) >>> 2;
  const last = index + ((end - firstWord) >>> 2);
  const lastByte = firstWord + ((last - index) << 2);
  for (; index < last; index += 1) words[index] = (words[index] ?? 0) ^ word;
  maskBytes(bytes, mask, begin, lastByte, end);
}

/** Masks one by one what is no whole word; the key begins at `origin`. */
function maskBytes(bytes: Uint8Array, mask: Uint8Array, origin: number, begin: number, end: number): void {
  for (let index = begin; index < end; index += 1)
    bytes[index] = (bytes[index] ?? 0) ^ (mask[(index - origin) & 3] ?? 0);
}
