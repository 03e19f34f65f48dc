/*
 * Headers repeat the same few keys and values in message after message. A direct-mapped cache of 256 slots, keyed by a
 * hash of length, first, middle and last character, holds short ASCII strings together with their MessagePack encoding
 * (`fixstr`: a byte with the length, then the text). The last writer owns a slot. A hit saves making the string when it
 * is read, and checking each character when it is written (measured by `spec/bench/headers.ts`).
 */

/** Maximum length of the text of a `fixstr`, in bytes. */
export const MAX_SHORT_BYTES = 31;

/** How many bytes may be overwritten behind an encoded text, which is copied four bytes at a time. */
export const SPARE_BYTES = 3;

const SLOTS = 256;
const SLOT_BYTES = 1 + MAX_SHORT_BYTES;

const texts = new Array<string | undefined>(SLOTS).fill(undefined);
const encoded = new Uint8Array(SLOTS * SLOT_BYTES);
const encodedView = new DataView(encoded.buffer);

/** V8 may keep a substring of 13 characters or more as a slice of its parent; caching it would retain the parent. */
const MAX_OWN_LENGTH = 12;

/** Whether a type byte begins an encoded short text. */
export function isShortText(type: number): boolean {
  return type >= 0xa0 && type < 0xc0;
}

/** Size in bytes of the encoded short text that begins at `start`. */
export function sizeOfShortText(bytes: Uint8Array, start: number): number {
  return 1 + ((bytes[start] ?? 0) & 0x1f);
}

/**
 * Encodes a text of at most {@link MAX_SHORT_BYTES} characters.
 *
 * @param isKey - whether the text is a key of an object; V8 never keeps a key as a slice
 * @returns whether the text is ASCII; if not, ignore what was written
 */
export function writeShortText(text: string, target: DataView, start: number, isKey: boolean): boolean {
  const { length } = text;
  const slot = slotOf(length, text.charCodeAt(0), text.charCodeAt(length >> 1), text.charCodeAt(length - 1));
  if (texts[slot] === text) {
    copyWords(encodedView, slot * SLOT_BYTES, target, start, length);
    return true;
  }
  target.setUint8(start, 0xa0 | length);
  if (!writeAscii(text, target, start + 1)) return false;
  if (isKey || length <= MAX_OWN_LENGTH) {
    texts[slot] = text;
    copyWords(target, start, encodedView, slot * SLOT_BYTES, length);
  }
  return true;
}

/** Reads the encoded short text at `start`; `undefined` where it is not ASCII, or ends beyond the bytes. */
export function readShortText(bytes: Uint8Array, start: number): string | undefined {
  const last = start + ((bytes[start] ?? 0) & 0x1f);
  if (last >= bytes.length) return undefined;
  const length = last - start;
  const slot = slotOf(length, bytes[start + 1] ?? 0, bytes[start + 1 + (length >> 1)] ?? 0, bytes[last] ?? 0);
  let cached = slot * SLOT_BYTES;
  for (let index = start; index <= last; index += 1, cached += 1)
    if (bytes[index] !== encoded[cached]) return learn(slot, bytes, start, last);
  return texts[slot];
}

/** Writes the characters up to the first that is not ASCII. Returns whether all were ASCII. */
export function writeAscii(text: string, target: DataView, start: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return false;
    target.setUint8(start + index, code);
  }
  return true;
}

/** Reads the characters up to `end`; `undefined` where one is not ASCII. */
export function readAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = '';
  let above = 0;
  let index = start;
  for (; index + 4 <= end; index += 4) {
    const a = bytes[index] ?? 0;
    const b = bytes[index + 1] ?? 0;
    const c = bytes[index + 2] ?? 0;
    const d = bytes[index + 3] ?? 0;
    above |= a | b | c | d;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; index < end; index += 1) {
    const a = bytes[index] ?? 0;
    above |= a;
    text += String.fromCharCode(a);
  }
  return above > 0x7f ? undefined : text;
}

function slotOf(length: number, first: number, middle: number, last: number): number {
  return (length * 37 + first * 5 + middle * 3 + last) & (SLOTS - 1);
}

function learn(slot: number, bytes: Uint8Array, start: number, last: number): string | undefined {
  const text = readAscii(bytes, start + 1, last + 1);
  if (text === undefined) return undefined;
  let cached = slot * SLOT_BYTES;
  for (let index = start; index <= last; index += 1) encoded[cached++] = bytes[index] ?? 0;
  texts[slot] = text;
  return text;
}

/** Copies the bytes from `from` to `from + last`, and up to {@link SPARE_BYTES} behind them. */
function copyWords(source: DataView, from: number, target: DataView, to: number, last: number): void {
  for (let index = 0; index <= last; index += 4)
    target.setInt32(to + index, source.getInt32(from + index, true), true);
}
