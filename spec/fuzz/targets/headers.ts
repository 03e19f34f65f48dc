import { isDeepStrictEqual } from 'node:util';

import { Decoder } from '@msgpack/msgpack';

import { mapFault } from '../../../lib/wire/check-map.js';
import { readFlatMap } from '../../../lib/wire/flat-map.js';
import { decodeMap } from '../../../lib/wire/map-codec.js';
import { concatBytes } from '../../support/bytes.js';
import { encodeMap, randomMap } from '../corpus.js';
import { mutate } from '../mutate.js';
import { expectBadData } from '../outcome.js';
import { judgeMap } from '../reference/map.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

const library = new Decoder({ useBigInt64: true });

/** The decoder of headers and handshakes: it takes what is sound, gives what the library gives, and no more. */
export const headersTarget: FuzzTarget = {
  name: 'headers',
  kind: 'pure',
  make(dice) {
    const bytes = encodeMap(randomMap(dice, 3));
    return { parts: [dice.chance(0.2) ? bytes : mutate(bytes, dice)], variant: '' };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

function check({ parts }: FuzzInput): undefined {
  const bytes = concatBytes(parts);
  const { isSound, hasProto } = judgeMap(bytes);
  const fault = mapFault(bytes);
  insist(
    (fault === undefined) === isSound,
    `expected it to be ${isSound ? 'sound' : 'refused'}, got ${fault}`,
  );
  if (!isSound || hasProto) {
    insist(readFlatMap(bytes, 0, bytes.length) === undefined, 'the fast path takes what the library refuses');
    expectBadData(() => decodeMap(bytes));
    return;
  }
  const map = decodeMap(bytes);
  insist(isDeepStrictEqual(map, narrow(library.decode(bytes))), 'it is not what the library decodes');
}

/** The library gives every 64-bit integer as a bigint; we give a number where that is exact. */
function narrow(value: unknown): unknown {
  if (typeof value === 'bigint')
    return BigInt(Number(value)) === value && isSafe(value) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(narrow);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, narrow(item)]));
}

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}
