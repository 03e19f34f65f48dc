import { concatBytes } from '../support/bytes.js';
import type { Dice } from './dice.js';

/** Bytes at which something changes: of lengths, of MessagePack and of WebSocket. */
const BYTES = [
  0x00, 0x01, 0x0f, 0x10, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x90, 0xa0, 0xc0, 0xc1, 0xc4, 0xd4, 0xd9, 0xdc, 0xdd,
  0xde, 0xdf, 0xe0, 0xfe, 0xff,
] as const;

/** Numbers at which something changes, for fields of 2, 4 and 8 bytes. */
const NUMBERS = [
  0, 1, 15, 16, 17, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x1_000f, 0x1_0010, 0x10_0000,
  0x7fdf_ffff, 0x7fe0_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
] as const;

type Mutation = (bytes: Uint8Array, dice: Dice) => Uint8Array;

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setNumber,
  setNumber,
  cut,
  remove,
  repeat,
  insert,
  swap,
];

/** Changes bytes in one to four ways; never those it was given. */
export function mutate(bytes: Uint8Array, dice: Dice): Uint8Array {
  // A Buffer's `slice` would not copy.
  let mutated: Uint8Array = new Uint8Array(bytes);
  for (let left = 1 + dice.below(4); left > 0; left -= 1) mutated = dice.pick(MUTATIONS)(mutated, dice);
  return mutated;
}

/** Cuts bytes into pieces at random places: whole, a few, or one byte each. */
export function cutUp(bytes: Uint8Array, dice: Dice): Uint8Array[] {
  const most = dice.pick([bytes.length, bytes.length, 1, 3, 17, 200]);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + dice.below(Math.max(1, most));
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

function flipBit(bytes: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.below(bytes.length);
  if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
  return bytes;
}

function setByte(bytes: Uint8Array, dice: Dice): Uint8Array {
  const value = dice.chance(0.5) ? dice.pick(BYTES) : dice.below(256);
  if (bytes.length > 0) bytes[dice.below(bytes.length)] = value;
  return bytes;
}

function setNumber(bytes: Uint8Array, dice: Dice): Uint8Array {
  const size = dice.pick([2, 4, 4, 8]);
  if (bytes.length < size) return bytes;
  // Most fields that matter stand at the beginning.
  const at = dice.chance(0.5) ? 0 : dice.below(bytes.length - size + 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, size);
  const number = dice.chance(0.7) ? dice.pick(NUMBERS) : bytes.length + dice.below(5) - 2;
  if (size === 2) view.setUint16(0, number);
  else view.setUint32(size - 4, number);
  return bytes;
}

function cut(bytes: Uint8Array, dice: Dice): Uint8Array {
  return bytes.subarray(0, dice.below(bytes.length + 1));
}

function remove(bytes: Uint8Array, dice: Dice): Uint8Array {
  const [start, end] = range(bytes, dice);
  return concatBytes([bytes.subarray(0, start), bytes.subarray(end)]);
}

function repeat(bytes: Uint8Array, dice: Dice): Uint8Array {
  const [start, end] = range(bytes, dice);
  const times = 2 + dice.below(dice.chance(0.1) ? 40 : 2);
  const repeated = Array.from({ length: times }, () => bytes.subarray(start, end));
  return concatBytes([bytes.subarray(0, start), ...repeated, bytes.subarray(end)]);
}

function insert(bytes: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.below(bytes.length + 1);
  return concatBytes([bytes.subarray(0, at), dice.bytes(1 + dice.below(8)), bytes.subarray(at)]);
}

function swap(bytes: Uint8Array, dice: Dice): Uint8Array {
  const [start, end] = range(bytes, dice);
  return concatBytes([bytes.subarray(end), bytes.subarray(start, end), bytes.subarray(0, start)]);
}

/** Up to 32 bytes. */
function range(bytes: Uint8Array, dice: Dice): [start: number, end: number] {
  const start = dice.below(bytes.length + 1);
  return [start, Math.min(bytes.length, start + dice.below(33))];
}
