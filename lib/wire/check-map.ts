import { isUtf8 } from './utf8.js';

/** Maximum nesting of maps and arrays, for what is sent and what is received. */
export const MAX_DEPTH = 32;

/**
 * Checks the bytes of one MessagePack map without decoding them, for two faults that the decoder does not catch:
 *
 * - The decoder allocates the length that a container declares before it has seen the items. Nested declarations in
 *   64 KiB of bytes would allocate gigabytes. After this check no length declares more than is there.
 * - The decoder accepts text that is not UTF-8: it reads past the end of the text, and its result depends on what it
 *   read before. Python refuses such text, and so does this check.
 *
 * @param maxValues - maximum number of values, nested ones included
 * @returns what is wrong, or `undefined` for exactly one whole map with string keys
 */
export function mapFault(bytes: Uint8Array, maxValues = Infinity): string | undefined {
  if (!isMap(bytes[0])) return bytes.length === 0 ? 'it is empty' : 'it is not a map';
  /** Stack of open containers: how many items each still expects. A map expects two per entry. */
  const left = [1];
  const isMapAt = [false];
  let offset = 0;
  let values = 0;
  while (left.length > 0) {
    const depth = left.length - 1;
    const remaining = left[depth] ?? 0;
    if (remaining === 0) {
      left.pop();
      isMapAt.pop();
      continue;
    }
    left[depth] = remaining - 1;
    const type = bytes[offset];
    if (type === undefined) return 'it ends too early';
    const isKey = isMapAt[depth] === true && remaining % 2 === 0;
    if (isKey && !isText(type)) return 'its keys must be strings';
    if (!isKey && depth > 0) values += 1;
    if (values > maxValues) return `it has more than ${maxValues} values`;
    const shape = shapeOf(type);
    if (shape === undefined)
      return `it has a value of type 0x${type.toString(16)}, which headers cannot have`;
    const content = offset + 1 + shape.lengthBytes;
    const count = shape.fixed ?? readLength(bytes, offset + 1, shape.lengthBytes);
    const available = bytes.length - content;
    if (shape.items === 0) {
      if (count > available) return 'it ends too early';
      if (isText(type) && !isUtf8(bytes, content, content + count)) return 'it has text that is not UTF-8';
      offset = content + count;
    } else {
      if (count * shape.items > available) return 'it ends too early';
      if (depth >= MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH}`;
      left.push(count * shape.items);
      isMapAt.push(shape.items === 2);
      offset = content;
    }
  }
  return offset === bytes.length ? undefined : `${bytes.length - offset} bytes follow it`;
}

interface Shape {
  /** Size of the length field behind the type byte. */
  readonly lengthBytes: number;
  /** The length, where the type byte holds it. */
  readonly fixed: number | undefined;
  /** What the length counts: 0 bytes, 1 items, 2 entries. */
  readonly items: 0 | 1 | 2;
}

/** The types 0xc0 to 0xdf of the MessagePack specification, without extension types, which headers cannot have. */
const SHAPES: readonly (Shape | undefined)[] = Array.from({ length: 0x20 }, (_, index) =>
  shapeFrom(0xc0 + index),
);
const ATOM: Shape = { lengthBytes: 0, fixed: 0, items: 0 };
const FIXED: readonly (readonly Shape[])[] = ([2, 1, 0] as const).map((items) =>
  Array.from({ length: 32 }, (_, fixed) => ({ lengthBytes: 0, fixed, items })),
);

function shapeOf(type: number): Shape | undefined {
  if (type < 0x80 || type >= 0xe0) return ATOM;
  if (type < 0x90) return FIXED[0]?.[type & 0x0f];
  if (type < 0xa0) return FIXED[1]?.[type & 0x0f];
  if (type < 0xc0) return FIXED[2]?.[type & 0x1f];
  return SHAPES[type - 0xc0];
}

function shapeFrom(type: number): Shape | undefined {
  const fixed = (bytes: number): Shape => ({ lengthBytes: 0, fixed: bytes, items: 0 });
  const counted = (lengthBytes: number, items: 0 | 1 | 2): Shape => ({
    lengthBytes,
    fixed: undefined,
    items,
  });
  if (type === 0xc0 || type === 0xc2 || type === 0xc3) return fixed(0); // nil, false, true
  if (type >= 0xc4 && type <= 0xc6) return counted(2 ** (type - 0xc4), 0); // bin
  if (type === 0xca || type === 0xcb) return fixed(type === 0xca ? 4 : 8); // float
  if (type >= 0xcc && type <= 0xd3) return fixed(2 ** ((type - 0xcc) % 4)); // uint, int
  if (type >= 0xd9 && type <= 0xdb) return counted(2 ** (type - 0xd9), 0); // str
  if (type === 0xdc || type === 0xdd) return counted(type === 0xdc ? 2 : 4, 1); // array
  if (type === 0xde || type === 0xdf) return counted(type === 0xde ? 2 : 4, 2); // map
  return undefined;
}

function readLength(bytes: Uint8Array, offset: number, lengthBytes: number): number {
  let length = 0;
  for (let index = 0; index < lengthBytes; index += 1) length = length * 256 + (bytes[offset + index] ?? 0);
  return length;
}

function isMap(type: number | undefined): boolean {
  return type !== undefined && ((type >= 0x80 && type < 0x90) || type === 0xde || type === 0xdf);
}

function isText(type: number): boolean {
  return (type >= 0xa0 && type < 0xc0) || (type >= 0xd9 && type <= 0xdb);
}
