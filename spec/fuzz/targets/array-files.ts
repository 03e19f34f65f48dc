import { CommError, CommErrorCode } from '../../../lib/comm-error.js';
import {
  DTYPES,
  type Dtype,
  NdArray,
  readNpy,
  readNpz,
  readSafetensors,
  writeNpy,
  writeNpz,
  writeSafetensors,
} from '../../../lib/fobs/index.js';
import { concatBytes } from '../../support/bytes.js';
import type { Dice } from '../dice.js';
import { mutate } from '../mutate.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

/** How each file is written, and read. */
const FILES = {
  npy: {
    write: ([[, array]]: Pairs) => writeNpy(array),
    read: (bytes: Uint8Array) => new Map([['', readNpy(bytes)]]),
  },
  npz: { write: writeNpz, read: readNpz },
  safetensors: { write: writeSafetensors, read: readSafetensors },
} as const;

type Pairs = readonly [Pair, ...Pair[]];
type Pair = readonly [string, NdArray];
type Format = keyof typeof FILES;

const FORMATS = Object.keys(FILES) as [Format, ...Format[]];
const TYPES = (Object.keys(DTYPES) as [Dtype, ...Dtype[]]).filter(
  (dtype) => DTYPES[dtype].code !== undefined,
);

/** Files of arrays: what is read has no more bytes than the file, and is read again as it was from what is written of it. */
export const arrayFilesTarget: FuzzTarget = {
  name: 'array-files',
  kind: 'pure',
  make(dice) {
    const variant = dice.pick(FORMATS);
    const pairs: Pairs = [
      pair(dice, 0),
      ...Array.from({ length: dice.below(3) }, (_, index) => pair(dice, index + 1)),
    ];
    const bytes = FILES[variant].write(pairs);
    return { parts: [dice.chance(0.2) ? bytes : mutate(bytes, dice)], variant };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

function pair(dice: Dice, index: number): Pair {
  const dtype = dice.pick(TYPES.filter((name) => name !== 'complex128')) ?? 'int8';
  const { memory, lanes } = DTYPES[dtype];
  const shape = Array.from({ length: dice.below(4) }, () => dice.below(4));
  const size = shape.reduce((product, length) => product * length, lanes);
  return [`T${index}`, new NdArray(dtype, shape, new memory(size), dice.chance(0.3))];
}

function check({ parts, variant }: FuzzInput): undefined {
  const { read, write } = FILES[variant as Format];
  // As it comes: anywhere in what was received.
  const bytes = concatBytes(parts);
  const before = bytes.slice();
  const arrays = readOf(read, bytes);
  insist(Buffer.compare(bytes, before) === 0, 'it changes its input');
  if (arrays === undefined) return;
  const held = [...arrays.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  insist(held <= bytes.length, 'it makes more of bytes than there are');
  const [first, ...rest] = [...arrays];
  if (first === undefined) return;
  const again = readOf(read, write([first, ...rest]));
  insist(again !== undefined, 'it does not read what it wrote');
  for (const [name, array] of arrays) {
    const other = again.get(name);
    insist(
      other?.dtype === array.dtype && other.shape.join() === array.shape.join(),
      'an array is another one',
    );
  }
}

function readOf(
  read: (bytes: Uint8Array) => ReadonlyMap<string, NdArray>,
  bytes: Uint8Array,
): ReadonlyMap<string, NdArray> | undefined {
  try {
    return read(bytes);
  } catch (error) {
    const isExpected = error instanceof CommError && error.code === CommErrorCode.BAD_DATA;
    insist(isExpected, 'it throws something else than BAD_DATA', error);
    return undefined;
  }
}
