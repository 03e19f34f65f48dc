import { CommError, CommErrorCode } from '../../../lib/comm-error.js';
import {
  type Decoded,
  decodeFobs,
  encodeFobs,
  type FobsValue,
  NdArray,
  PyFile,
  PyObject,
  pyEnum,
  RemoteItem,
  Tensor,
  Tuple,
} from '../../../lib/fobs/index.js';
import { concatBytes } from '../../support/bytes.js';
import type { Dice } from '../dice.js';
import { mutate } from '../mutate.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

/** Values of Python: what is read is written, and read again. */
export const fobsTarget: FuzzTarget = {
  name: 'fobs',
  kind: 'pure',
  make(dice) {
    const dialect = dice.pick(['2.4', '2.7'] as const);
    const bytes = encodeFobs(randomValue(dice, 0, dialect === '2.7'), { dialect });
    return { parts: [dice.chance(0.2) ? bytes : mutate(bytes, dice)], variant: '' };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

function randomValue(dice: Dice, depth: number, hasReferences: boolean): FobsValue {
  const some = (): FobsValue[] =>
    Array.from({ length: dice.below(4) }, () => randomValue(dice, depth + 1, hasReferences));
  const plain: readonly [() => FobsValue, ...(() => FobsValue)[]] = [
    () => null,
    () => dice.below(2 ** 32) - 2 ** 31,
    () => BigInt(dice.below(2 ** 32)) << 31n,
    () => 'text'.repeat(dice.below(20)),
    () => dice.bytes(dice.below(40)),
    () => new Date(dice.below(2 ** 40)),
    () => new PyFile(dice.bytes(1 + dice.below(20))),
    () => pyEnum('app.Kind', 'ONE'),
    () => new NdArray('uint8', [4], dice.bytes(4)),
    () => Tensor.from(new NdArray('int8', [2], new Int8Array(2))),
    () => (hasReferences ? remote(`T${dice.below(3)}`) : 0),
  ];
  if (depth > 3 || dice.chance(0.4)) return dice.pick(plain)();
  return dice.pick<() => FobsValue>([
    some,
    () => Tuple.from(some()),
    () => new Set(some()),
    () => Object.fromEntries(some().map((value, index) => [`key${index}`, value])),
    () => new Map(some().map((value, index) => [index, value])),
  ])();
}

function remote(itemId: string): RemoteItem {
  const placeholder = new PyObject('numpy.ndarray', { type: 'ref', data: itemId }, 'app.Decomposer');
  return new RemoteItem({ fqcn: 'site-1', refId: 'r', dot: 3 }, itemId, placeholder);
}

function check({ parts }: FuzzInput): undefined {
  const bytes = concatBytes(parts);
  const read = decoded(bytes);
  if (read === undefined) return;
  const { value, dialect, references } = read;
  insist(references.length <= 2, 'it refers to more than one source of a kind');
  const again = decoded(encodeFobs(value, { dialect }));
  insist(again !== undefined, 'it does not read what it wrote');
}

function decoded(bytes: Uint8Array): Decoded | undefined {
  try {
    return decodeFobs(bytes);
  } catch (error) {
    const isExpected = error instanceof CommError && error.code === CommErrorCode.BAD_DATA;
    insist(isExpected, 'it throws something else than BAD_DATA', error);
    return undefined;
  }
}
