import type { HeaderValue, MessageHeaders } from '../message.js';
import {
  isShortText,
  MAX_SHORT_BYTES,
  readAscii,
  readShortText,
  sizeOfShortText,
  SPARE_BYTES,
  writeAscii,
  writeShortText,
} from './short-text.js';

/*
 * The fast path for message headers. Nearly all headers are small flat maps of short ASCII strings, numbers, booleans
 * and nil, and those of cells have the route, a list of lists of a name and a time. These functions write and read such
 * maps in a quarter to two fifths of the time that `@msgpack/msgpack` takes (measured by `spec/bench/headers.ts`). They
 * give up on every other map, and the library encodes or decodes it. Both write the same bytes: MessagePack's shortest
 * encodings.
 */

const MAX_ENTRIES = 15;
const MAX_TEXT_BYTES = 0xff;

/** Type byte of a `str 8`: a text whose length is in the next byte. */
const LONG_TEXT = 0xd9;

/** Type byte of a `float 64`. */
const FLOAT = 0xcb;
const FLOAT_BYTES = 9;

/** Lists within lists within lists are for the library. */
const MAX_LIST_DEPTH = 2;
const MAX_ITEMS = 15;

/** The byte that MessagePack never uses. */
const UNUSED = 0xc1;

/**
 * Upper bound of what `writeFlatMap` writes without lists: two strings per entry, two bytes before each, and the spare
 * bytes. Lists are written while this much is free behind them.
 */
export const MAX_FLAT_BYTES = 1 + MAX_ENTRIES * 2 * (2 + MAX_TEXT_BYTES) + SPARE_BYTES;

/** Returned in place of an offset when a value is not for the fast path. */
export const GIVE_UP = -1;

/** Empty: `for…in` over it finds only what was added to `Object.prototype`, which rules the fast path out. */
const PLAIN: MessageHeaders = {};

/**
 * Writes a flat map at `start`. At least {@link MAX_FLAT_BYTES} must be free from there.
 *
 * @param map - a plain object
 * @returns the offset behind the map, or {@link GIVE_UP} where the map is not for the fast path
 */
export function writeFlatMap(map: MessageHeaders, target: DataView, start: number): number {
  for (const _ in PLAIN) return GIVE_UP;
  let entries = 0;
  let offset = start + 1;
  for (const key in map) {
    const value = map[key];
    if (value === undefined) continue;
    entries += 1;
    if (entries > MAX_ENTRIES || key === '__proto__') return GIVE_UP;
    offset = writeText(key, target, offset, true);
    if (offset !== GIVE_UP) offset = writeValue(value, target, offset, MAX_LIST_DEPTH);
    if (offset === GIVE_UP) return GIVE_UP;
  }
  target.setUint8(start, 0x80 | entries);
  return offset;
}

/**
 * Reads the flat map between two offsets. Returns `undefined` for bytes that {@link writeFlatMap} would not write.
 */
export function readFlatMap(
  bytes: Uint8Array,
  start: number,
  end: number,
): Record<string, HeaderValue> | undefined {
  const type = bytes[start] ?? 0;
  if (type < 0x80 || type > 0x8f) return undefined;
  const map: Record<string, HeaderValue> = {};
  let offset = start + 1;
  for (let left = type & 0x0f; left > 0; left -= 1) {
    // Short text first, and inlined here: this saves a fifth of the time.
    const isShortKey = isShortText(bytes[offset] ?? 0);
    const key = isShortKey ? readShortText(bytes, offset) : readLongText(bytes, offset);
    if (key === undefined || key === '__proto__') return undefined;
    offset += isShortKey ? sizeOfShortText(bytes, offset) : sizeOf(bytes, offset);
    const isShort = isShortText(bytes[offset] ?? 0);
    const value = isShort ? readShortText(bytes, offset) : readValue(bytes, offset, MAX_LIST_DEPTH);
    if (value === undefined) return undefined;
    offset += isShort ? sizeOfShortText(bytes, offset) : sizeOf(bytes, offset);
    map[key] = value;
  }
  return offset === end ? map : undefined;
}

function writeValue(value: HeaderValue, target: DataView, offset: number, listDepth: number): number {
  if (typeof value === 'string') return writeText(value, target, offset, false);
  if (typeof value === 'number')
    return Number.isInteger(value) ? writeInteger(value, target, offset) : writeFloat(value, target, offset);
  if (Array.isArray(value)) return writeList(value as readonly HeaderValue[], target, offset, listDepth);
  if (value === null) target.setUint8(offset, 0xc0);
  else if (typeof value === 'boolean') target.setUint8(offset, value ? 0xc3 : 0xc2);
  else return GIVE_UP;
  return offset + 1;
}

function writeList(items: readonly HeaderValue[], target: DataView, start: number, depth: number): number {
  if (depth === 0 || items.length > MAX_ITEMS) return GIVE_UP;
  target.setUint8(start, 0x90 | items.length);
  let offset = start + 1;
  for (const item of items) {
    offset = writeValue(item, target, offset, depth - 1);
    if (offset === GIVE_UP || offset + MAX_FLAT_BYTES > target.byteLength) return GIVE_UP;
  }
  return offset;
}

function writeFloat(value: number, target: DataView, start: number): number {
  target.setUint8(start, FLOAT);
  target.setFloat64(start + 1, value);
  return start + FLOAT_BYTES;
}

function writeText(text: string, target: DataView, start: number, isKey: boolean): number {
  const { length } = text;
  if (length <= MAX_SHORT_BYTES)
    return writeShortText(text, target, start, isKey) ? start + 1 + length : GIVE_UP;
  if (length > MAX_TEXT_BYTES) return GIVE_UP;
  target.setUint8(start, LONG_TEXT);
  target.setUint8(start + 1, length);
  return writeAscii(text, target, start + 2) ? start + 2 + length : GIVE_UP;
}

/** Writes integers from -32 to 2^32 - 1. Others are rare enough to leave to the library. */
function writeInteger(value: number, target: DataView, start: number): number {
  if (value >>> 0 === value) {
    if (value < 0x80) {
      target.setUint8(start, value);
      return start + 1;
    }
    if (value < 0x100) {
      target.setUint8(start, 0xcc);
      target.setUint8(start + 1, value);
      return start + 2;
    }
    if (value < 0x10000) {
      target.setUint8(start, 0xcd);
      target.setUint16(start + 1, value);
      return start + 3;
    }
    target.setUint8(start, 0xce);
    target.setUint32(start + 1, value);
    return start + 5;
  }
  if (value < 0 && value >= -32 && Number.isInteger(value)) {
    target.setInt8(start, value);
    return start + 1;
  }
  return GIVE_UP;
}

/** Reads a value that is not a short text. */
function readValue(bytes: Uint8Array, start: number, listDepth: number): HeaderValue | undefined {
  const type = bytes[start] ?? UNUSED;
  if (type < 0x80) return type;
  if (isList(type)) return listDepth === 0 ? undefined : readList(bytes, start, listDepth);
  if (type >= 0xe0) return type - 0x100;
  switch (type) {
    case LONG_TEXT:
      return readLongText(bytes, start);
    case FLOAT:
      return readFloat(bytes, start + 1);
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xcc:
    case 0xcd:
    case 0xce:
      return readUnsigned(bytes, start + 1, start + sizeOf(bytes, start));
  }
  return undefined;
}

function readList(bytes: Uint8Array, start: number, depth: number): HeaderValue[] | undefined {
  const items: HeaderValue[] = [];
  let offset = start + 1;
  for (let left = (bytes[start] ?? 0) & 0x0f; left > 0; left -= 1) {
    const isShort = isShortText(bytes[offset] ?? 0);
    const item = isShort ? readShortText(bytes, offset) : readValue(bytes, offset, depth - 1);
    if (item === undefined) return undefined;
    items.push(item);
    offset += isShort ? sizeOfShortText(bytes, offset) : sizeOf(bytes, offset);
  }
  return items;
}

function isList(type: number): boolean {
  return type >= 0x90 && type < 0xa0;
}

/** A `float 64` is read here, since a view on each frame would cost more. */
const float = new DataView(new ArrayBuffer(8));

/** Bytes that are missing count as 0, as in {@link readUnsigned}. */
function readFloat(bytes: Uint8Array, start: number): number {
  for (let index = 0; index < 8; index += 1) float.setUint8(index, bytes[start + index] ?? 0);
  return float.getFloat64(0);
}

/** Bytes that are missing count as 0: {@link readFlatMap} notices that the map ends too late. */
function readUnsigned(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let index = start; index < end; index += 1) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

/** Bytes that are missing count as 0, as in {@link readUnsigned}. */
function readLongText(bytes: Uint8Array, start: number): string | undefined {
  return bytes[start] === LONG_TEXT ? readAscii(bytes, start + 2, start + sizeOf(bytes, start)) : undefined;
}

/** Size in bytes of the value that begins at `start`, was read, and is not a short text. */
function sizeOf(bytes: Uint8Array, start: number): number {
  const type = bytes[start] ?? UNUSED;
  if (isList(type)) return sizeOfList(bytes, start);
  switch (type) {
    case LONG_TEXT:
      return 2 + (bytes[start + 1] ?? 0);
    case FLOAT:
      return FLOAT_BYTES;
    case 0xcc:
      return 2;
    case 0xcd:
      return 3;
    case 0xce:
      return 5;
    default:
      return 1;
  }
}

function sizeOfList(bytes: Uint8Array, start: number): number {
  let offset = start + 1;
  for (let left = (bytes[start] ?? 0) & 0x0f; left > 0; left -= 1)
    offset += isShortText(bytes[offset] ?? 0) ? sizeOfShortText(bytes, offset) : sizeOf(bytes, offset);
  return offset - start;
}
