import { badFobs } from './bad-fobs.js';
import type { CollidingKeys } from './colliding-keys.js';
import { textOf } from './text.js';
import type { FobsValue } from './value.js';

/** What bounds a decoded value. */
export interface DecodeLimits {
  /** Maximum nesting of containers. Default: 100. */
  readonly maxDepth: number;
  /**
   * Maximum number of values, nested ones and datums included. A value takes 8 to 100 times its bytes in memory where it is
   * small.
   * Default: 1,000,000.
   */
  readonly maxValues: number;
  /**
   * Maximum number of keys of maps and members of sets that are floats, or integers beyond a million, nested ones included.
   * A text of digits counts as an integer, but for the keys of a plain object. A sender can choose such keys so that each
   * costs as much as all before it. Default: 4,096.
   */
  readonly maxNumberKeys: number;
}

/** Turns a map that has been read into what it stands for; bytes and text come as they are. */
export type Recompose = (map: Readonly<Record<string, FobsValue>>) => FobsValue;

type Entry<K = FobsValue> = readonly [key: K, value: FobsValue];

/**
 * Reads one MessagePack value that fills `bytes`, inner values first, in one pass: a length is compared with what is
 * there before anything is allocated. Binary values are views on the input.
 *
 * A general decoder does not fit: Python's maps have keys of any type, and each map may stand for a Python object.
 *
 * @param datums - how many come beside it, which count as values
 * @throws CommError `BAD_DATA` for anything else, or beyond a limit
 */
export function readPack(
  bytes: Uint8Array,
  recompose: Recompose,
  limits: Pick<DecodeLimits, 'maxDepth' | 'maxValues'>,
  keys: CollidingKeys,
  datums: number,
): FobsValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let offset = 0;
  let values = datums;

  const take = (count: number): number => {
    const start = offset;
    if (count > bytes.length - start) throw badFobs('it ends too early');
    offset += count;
    return start;
  };
  const length = (size: 1 | 2 | 4): number => {
    const at = take(size);
    return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at);
  };
  const binary = (count: number): Uint8Array => {
    const start = take(count);
    return bytes.subarray(start, start + count);
  };
  const text = (count: number): string => textOf(binary(count));
  /** Each item takes a byte at least. */
  const requireItems = (count: number, depth: number): void => {
    if (count > bytes.length - offset) throw badFobs('it ends too early');
    if (depth >= limits.maxDepth) throw badFobs(`it is nested deeper than ${limits.maxDepth}`);
  };
  const list = (count: number, depth: number): FobsValue[] => {
    requireItems(count, depth);
    const items: FobsValue[] = [];
    for (let index = 0; index < count; index += 1) items.push(read(depth + 1));
    return items;
  };
  const map = (count: number, depth: number): FobsValue => {
    requireItems(2 * count, depth);
    const entries: Entry[] = [];
    for (let index = 0; index < count; index += 1) entries.push([read(depth + 1), read(depth + 1)]);
    if (isRecord(entries)) {
      for (const [name] of entries) keys.noteName(name);
      return recompose(Object.fromEntries(entries));
    }
    for (const [key] of entries) keys.note(key);
    return new Map(entries);
  };
  const read = (depth: number): FobsValue => {
    values += 1;
    if (values > limits.maxValues) throw badFobs(`it has more than ${limits.maxValues} values`);
    const type = view.getUint8(take(1));
    if (type < 0x80) return type;
    if (type < 0x90) return map(type & 0x0f, depth);
    if (type < 0xa0) return list(type & 0x0f, depth);
    if (type < 0xc0) return text(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return binary(length(1));
      case 0xc5:
        return binary(length(2));
      case 0xc6:
        return binary(length(4));
      case 0xca:
        return view.getFloat32(take(4));
      case 0xcb:
        return view.getFloat64(take(8));
      case 0xcc:
        return view.getUint8(take(1));
      case 0xcd:
        return view.getUint16(take(2));
      case 0xce:
        return view.getUint32(take(4));
      case 0xcf:
        return narrow(view.getBigUint64(take(8)));
      case 0xd0:
        return view.getInt8(take(1));
      case 0xd1:
        return view.getInt16(take(2));
      case 0xd2:
        return view.getInt32(take(4));
      case 0xd3:
        return narrow(view.getBigInt64(take(8)));
      case 0xd9:
        return text(length(1));
      case 0xda:
        return text(length(2));
      case 0xdb:
        return text(length(4));
      case 0xdc:
        return list(length(2), depth);
      case 0xdd:
        return list(length(4), depth);
      case 0xde:
        return map(length(2), depth);
      case 0xdf:
        return map(length(4), depth);
      default:
        throw badFobs(`it has a value of type 0x${type.toString(16)}, which FOBS does not write`);
    }
  };

  const value = read(0);
  if (offset !== bytes.length) throw badFobs(`${bytes.length - offset} bytes follow the value`);
  return value;
}

/** A number where it is exact. */
function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A plain object could not hold other keys, and `__proto__` would not be one of its own. */
function isRecord(entries: readonly Entry[]): entries is readonly Entry<string>[] {
  return entries.every(([key]) => typeof key === 'string' && key !== '__proto__');
}
