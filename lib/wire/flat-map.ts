import type { HeaderValue, MessageHeaders } from '../message.js';

/*
 * The fast path of message headers. Nearly all of them are small flat maps of short ASCII strings, integers,
 * booleans and nil; these are written and read here in a third of the time that the library takes (measured by
 * `spec/bench/headers.ts`). Anything else makes these functions give up, and the library does it. The bytes are
 * the same either way: MessagePack's shortest forms.
 */

const MAX_ENTRIES = 15;
const MAX_TEXT_BYTES = 0xff;

/** The most bytes that `writeFlatMap` writes: each entry has two strings with two bytes before them. */
export const MAX_FLAT_BYTES = 1 + MAX_ENTRIES * 2 * (2 + MAX_TEXT_BYTES);

/** Where a write stopped because the value is not for the fast path. */
const GIVE_UP = -1;

/**
 * Writes a flat map at `start`, where at least {@link MAX_FLAT_BYTES} must be free.
 *
 * @returns the offset behind it, or -1 where the map is not flat or not simple
 */
export function writeFlatMap(map: MessageHeaders, target: Uint8Array, start: number): number {
  let entries = 0;
  let offset = start + 1;
  for (const key in map) {
    const value = map[key];
    if (value === undefined) continue;
    entries += 1;
    if (entries > MAX_ENTRIES || key === '__proto__' || !Object.hasOwn(map, key)) return GIVE_UP;
    offset = writeText(key, target, offset);
    if (offset !== GIVE_UP) offset = writeValue(value, target, offset);
    if (offset === GIVE_UP) return GIVE_UP;
  }
  target[start] = 0x80 | entries;
  return offset;
}

/**
 * Reads the flat map that stands between two offsets, or answers `undefined` where it is not one that
 * {@link writeFlatMap} would write.
 */
export function readFlatMap(
  bytes: Uint8Array,
  start: number,
  end: number,
): Record<string, HeaderValue> | undefined {
  const type = bytes[start] ?? 0;
  if (type < 0x80 || type > 0x8f) return undefined;
  const map: Record<string, HeaderValue> = {};
  cursor = start + 1;
  for (let left = type & 0x0f; left > 0; left -= 1) {
    const key = isText(bytes[cursor] ?? 0) ? readText(bytes) : undefined;
    if (key === undefined || key === '__proto__') return undefined;
    const value = readValue(bytes);
    if (value === undefined) return undefined;
    map[key] = value;
  }
  return cursor === end ? map : undefined;
}

function writeValue(value: HeaderValue, target: Uint8Array, offset: number): number {
  if (typeof value === 'string') return writeText(value, target, offset);
  if (typeof value === 'number') return writeInteger(value, target, offset);
  if (value === null) target[offset] = 0xc0;
  else if (typeof value === 'boolean') target[offset] = value ? 0xc3 : 0xc2;
  else return GIVE_UP;
  return offset + 1;
}

function writeText(text: string, target: Uint8Array, start: number): number {
  const { length } = text;
  if (length > MAX_TEXT_BYTES) return GIVE_UP;
  let offset = start;
  if (length < 32) {
    target[offset++] = 0xa0 | length;
  } else {
    target[offset++] = 0xd9;
    target[offset++] = length;
  }
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return GIVE_UP;
    target[offset++] = code;
  }
  return offset;
}

/** Unsigned 8 to 32 bits and small negative ones; the rest is rare enough for the library. */
function writeInteger(value: number, target: Uint8Array, start: number): number {
  let offset = start;
  if (value >>> 0 === value) {
    if (value < 0x80) {
      target[offset++] = value;
      return offset;
    }
    const size = value < 0x100 ? 1 : value < 0x10000 ? 2 : 4;
    target[offset++] = size === 1 ? 0xcc : size === 2 ? 0xcd : 0xce;
    for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) target[offset++] = value >>> shift;
    return offset;
  }
  if (value < 0 && value >= -32 && Number.isInteger(value)) {
    target[offset++] = value;
    return offset;
  }
  return GIVE_UP;
}

/** How far the map being read is consumed. One at a time, so it need not be passed around. */
let cursor = 0;

function readValue(bytes: Uint8Array): HeaderValue | undefined {
  const type = bytes[cursor];
  if (type === undefined) return undefined;
  if (isText(type)) return readText(bytes);
  cursor += 1;
  if (type < 0x80) return type;
  if (type >= 0xe0) return type - 0x100;
  switch (type) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xcc:
      return readUnsigned(bytes, 1);
    case 0xcd:
      return readUnsigned(bytes, 2);
    case 0xce:
      return readUnsigned(bytes, 4);
    default:
      return undefined;
  }
}

function readUnsigned(bytes: Uint8Array, size: number): number | undefined {
  let value = 0;
  for (let index = 0; index < size; index += 1) {
    const byte = bytes[cursor++];
    if (byte === undefined) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

/**
 * The same few keys and values come with message after message: a string of up to 31 bytes that was read before is
 * not made again. One place for each sum of length, first and last byte; the latest string has it.
 */
const recent = new Array<string>(256).fill('');
const MAX_RECENT_BYTES = 31;

function readText(bytes: Uint8Array): string | undefined {
  const length = readTextLength(bytes);
  const end = cursor + length;
  if (length < 0 || end > bytes.length) return undefined;
  const place = (length * 37 + (bytes[cursor] ?? 0) * 5 + (bytes[end - 1] ?? 0)) & 0xff;
  const known = recent[place] ?? '';
  if (known.length === length && isAt(bytes, cursor, known)) {
    cursor = end;
    return known;
  }
  const text = makeText(bytes, end);
  if (text !== undefined && length <= MAX_RECENT_BYTES) recent[place] = text;
  return text;
}

function isAt(bytes: Uint8Array, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1)
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  return true;
}

function makeText(bytes: Uint8Array, end: number): string | undefined {
  let text = '';
  let above = 0;
  for (; cursor + 4 <= end; cursor += 4) {
    const a = bytes[cursor] ?? 0;
    const b = bytes[cursor + 1] ?? 0;
    const c = bytes[cursor + 2] ?? 0;
    const d = bytes[cursor + 3] ?? 0;
    above |= a | b | c | d;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; cursor < end; cursor += 1) {
    const a = bytes[cursor] ?? 0;
    above |= a;
    text += String.fromCharCode(a);
  }
  return above > 0x7f ? undefined : text;
}

/** The length of the string that begins at the cursor, which moves behind it; -1 for none. */
function readTextLength(bytes: Uint8Array): number {
  const type = bytes[cursor++] ?? 0;
  return type === 0xd9 ? (bytes[cursor++] ?? -1) : type & 0x1f;
}

function isText(type: number): boolean {
  return (type >= 0xa0 && type < 0xc0) || type === 0xd9;
}
