import { Decoder, Encoder } from '@msgpack/msgpack';

import { CommError, CommErrorCode } from '../comm-error.js';
import { isBytes } from '../is-bytes.js';
import type { HeaderValue, MessageHeaders } from '../message.js';
import { MAX_DEPTH, mapFault } from './check-map.js';
import { readFlatMap } from './flat-map.js';
import { MAX_HEADER_BYTES } from './prefix.js';

const MAX_INT64 = 2n ** 63n;
const MAX_UINT64 = 2n ** 64n;
const TWO_64 = 2 ** 64;

/*
 * Encoder and decoder use bigints for 64-bit integers, because the library would otherwise send integers beyond 32 bits
 * as floats and round received ones beyond 2^53. `widen` turns numbers into bigints before encoding, `narrow` turns
 * them back after decoding. Both return the same object when there is nothing to convert, which is nearly always.
 */
let encoder = newEncoder();
const decoder = new Decoder({ useBigInt64: true });

/**
 * Encodes a map as MessagePack: message headers, or the payload of a handshake.
 *
 * @returns a view that is valid until the next call; copy it to keep it
 * @throws CommError `BAD_DATA` where a value has no MessagePack form or the result is over 65,535 bytes
 */
export function encodeMap(map: MessageHeaders): Uint8Array {
  const bytes = encodeOrThrow(map);
  if (bytes.length > MAX_HEADER_BYTES) {
    encoder = newEncoder(); // The library never shrinks its buffer.
    throw new CommError(
      CommErrorCode.BAD_DATA,
      `headers take ${bytes.length} bytes encoded, at most ${MAX_HEADER_BYTES} are possible: move data to the payload`,
    );
  }
  return bytes;
}

/**
 * Decodes the MessagePack map with string keys between two offsets.
 *
 * @throws CommError `BAD_DATA` for anything else
 */
export function decodeMap(
  frame: Uint8Array,
  start = 0,
  end: number = frame.length,
): Record<string, HeaderValue> {
  const flat = readFlatMap(frame, start, end);
  if (flat !== undefined) return flat;
  const bytes = frame.subarray(start, end);
  const fault = mapFault(bytes);
  if (fault !== undefined) throw badMap(fault);
  try {
    return narrow(decoder.decode(bytes), 0) as Record<string, HeaderValue>;
  } catch (error) {
    throw CommError.from(error, 'bad MessagePack map', CommErrorCode.BAD_DATA);
  }
}

function badMap(fault: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `bad MessagePack map: ${fault}`);
}

function newEncoder(): Encoder {
  return new Encoder({ useBigInt64: true, ignoreUndefined: true });
}

function encodeOrThrow(map: MessageHeaders): Uint8Array {
  try {
    return encoder.encodeSharedRef(widen(map, 0));
  } catch (error) {
    throw CommError.from(error, 'headers cannot be encoded', CommErrorCode.BAD_DATA);
  }
}

/** Turns integers beyond 32 bits into bigints, which the encoder writes as int64 or uint64. Throws for bad values. */
function widen(value: unknown, depth: number): unknown {
  if (typeof value === 'number') {
    const isWide = Number.isInteger(value) && (value > 0xffffffff || value < -0x80000000);
    return isWide && value < TWO_64 && value >= -TWO_64 / 2 ? BigInt(value) : value;
  }
  if (typeof value === 'string' && !value.isWellFormed())
    throw new TypeError('text has half a surrogate pair');
  if (typeof value === 'bigint') {
    if (value >= MAX_UINT64 || value < -MAX_INT64) throw new RangeError(`${value} does not fit 64 bits`);
    return value;
  }
  return convertInside(value, depth, widen);
}

/** Turns bigints that a number can hold exactly into numbers, and views into bytes of their own. */
function narrow(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  // The library returns a view on the frame, which headers would keep in memory, and lose when its payload is given back.
  if (isBytes(value)) return value.slice();
  return convertInside(value, depth, narrow);
}

type Convert = (value: unknown, depth: number) => unknown;

/** Applies `convert` to the members of an array or plain object; copies it only if a member changed. */
function convertInside(value: unknown, depth: number, convert: Convert): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isBytes(value)) return value;
  if (depth >= MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const converted = items.map((item) => convert(item, depth + 1));
    return converted.some((item, index) => item !== items[index]) ? converted : value;
  }
  if (!isPlainObject(value)) throw new TypeError(`expected a plain object, got ${describe(value)}`);
  let copy: Record<string, unknown> | undefined;
  for (const key in value) {
    const item = value[key];
    if (key === '__proto__' || !key.isWellFormed())
      throw new TypeError(`${JSON.stringify(key)} cannot be a key`);
    const converted = convert(item, depth + 1);
    if (converted !== item) (copy ??= { ...value })[key] = converted;
  }
  return copy ?? value;
}

/** An object literal, or one without a prototype. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  return typeof constructor?.name === 'string' ? constructor.name : 'something else';
}
