import { type FobsValue, NdArray, PyFloat, PyObject, RemoteItem } from '../fobs/index.js';
import { isBytes } from '../is-bytes.js';
import { elementsOf } from './cells-array.js';
import { Room } from './cells-room.js';
import { printable } from './printable.js';
import { sizeText, textOfPayload } from './text-of-payload.js';

/** What stands for the rest of what is cut. */
const REST = '...';

/**
 * A payload as what JSON has; bytes stay as they are, for the printer. Of an array it has the elements that numpy would
 * print.
 *
 * @param size - about how many characters are wanted; of what is longer only the beginning is looked at. Default: all
 */
export function plainOf(value: FobsValue, size = Number.POSITIVE_INFINITY): unknown {
  return plain(value, new Room(size));
}

/** A payload in one line for people: a text as it is, bytes that are text too, and all else as JSON. */
export function valueText(value: unknown): string {
  if (isBytes(value)) {
    const text = textOfPayload(value)?.trimEnd();
    return text === undefined ? `(${sizeText(value.length)} of binary data)` : printable(text);
  }
  if (value === null) return '(empty)';
  return typeof value === 'string' ? value : JSON.stringify(value, plainInText);
}

function plain(value: FobsValue, room: Room): unknown {
  room.take(1);
  if (typeof value === 'string') return cutText(value, room);
  if (typeof value !== 'object' || value === null) return fixed(value ?? null, room);
  if (isBytes(value)) return room.take(value.length) < value.length ? `(${sizeText(value.length)})` : value;
  if (value instanceof Date) return fixed(Number.isNaN(value.getTime()) ? null : value.toISOString(), room);
  if (value instanceof PyFloat) return fixed(value.value, room);
  if (value instanceof NdArray) return plainArray(value, room);
  if (value instanceof PyObject) return plainFields({ type: value.type, data: value.data }, room);
  if (value instanceof RemoteItem)
    return plainFields({ fqcn: value.fqcn, refId: value.refId, itemId: value.itemId }, room);
  if (value instanceof Set) return cutList(value, room, plain);
  if (value instanceof Map) return plainMap(value, room);
  if (Array.isArray(value)) return cutList(value as readonly FobsValue[], room, plain);
  return plainFields(value as Record<string, FobsValue>, room);
}

/** What is not cut, and takes its room all the same. */
function fixed<T>(value: T, room: Room): T {
  room.take(String(value).length - 1);
  return value;
}

function plainFields(fields: Readonly<Record<string, FobsValue>>, room: Room): object {
  return objectOf(cutList(Object.entries(fields), room, plainEntry));
}

/** Its type and shape are short, and shown in any case. */
function plainArray(array: NdArray, room: Room): object {
  const { dtype, shape } = array;
  room.take(JSON.stringify({ dtype, shape }).length);
  return { dtype, shape, elements: elementsOf(array, room) };
}

function cutText(text: string, room: Room): string {
  const taken = room.take(text.length);
  return taken < text.length ? text.slice(0, taken) + REST : text;
}

/** As many items as there is room for. */
function cutList<T, U>(
  items: Iterable<T>,
  room: Room,
  each: (item: T, room: Room) => U,
): (U | typeof REST)[] {
  const list: (U | typeof REST)[] = [];
  for (const item of items) {
    if (room.take(1) === 0) return [...list, REST];
    list.push(each(item, room));
  }
  return list;
}

type Entry = readonly [key: unknown, value: unknown];

function plainEntry([key, value]: readonly [FobsValue, FobsValue], room: Room): Entry {
  return [plain(key, room), plain(value, room)];
}

/** A map whose keys are texts is an object, any other a list of pairs. */
function plainMap(map: ReadonlyMap<FobsValue, FobsValue>, room: Room): unknown {
  const entries = cutList(map, room, plainEntry);
  return entries.every((entry) => entry === REST || typeof entry[0] === 'string')
    ? objectOf(entries)
    : entries;
}

function objectOf(entries: readonly (Entry | typeof REST)[]): object {
  return Object.fromEntries(
    entries.map((entry) => (entry === REST ? [REST, REST] : [String(entry[0]), entry[1]])),
  );
}

function plainInText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return isBytes(value) ? valueText(value) : value;
}
