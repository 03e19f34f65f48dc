import { isDeepStrictEqual } from 'node:util';

import { Decoder } from '@msgpack/msgpack';

import type { HeaderValue } from '../../../lib/message.js';
import { MAX_FLAT_BYTES, readFlatMap, writeFlatMap } from '../../../lib/wire/flat-map.js';
import { concatBytes } from '../../support/bytes.js';
import { encodeMap, randomMap } from '../corpus.js';
import { mutate } from '../mutate.js';
import { judgeMap } from '../reference/map.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

const library = new Decoder();
const memory = new Uint8Array(MAX_FLAT_BYTES);
const target = new DataView(memory.buffer);

/** The fast path of headers: what it writes and reads is what the library writes and reads, byte for byte. */
export const flatMapTarget: FuzzTarget = {
  name: 'flat-map',
  kind: 'pure',
  make(dice) {
    const bytes = encodeMap(randomMap(dice, 0));
    return { parts: [dice.chance(0.5) ? bytes : mutate(bytes, dice)], variant: '' };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

function check({ parts }: FuzzInput): undefined {
  const bytes = concatBytes(parts);
  const read = readFlatMap(bytes, 0, bytes.length);
  const { isSound, hasProto } = judgeMap(bytes);
  insist(read === undefined || (isSound && !hasProto), 'it reads what is no map');
  if (!isSound || hasProto) return;
  const map = library.decode(bytes) as Record<string, HeaderValue>;
  insist(read === undefined || isDeepStrictEqual(read, map), 'it reads something else than the library');
  const end = writeFlatMap(map, target, 0);
  if (end < 0) return;
  const written = memory.subarray(0, end);
  insist(Buffer.compare(written, encodeMap(map)) === 0, 'it writes other bytes than the library');
  insist(isDeepStrictEqual(readFlatMap(written, 0, end), map), 'it does not read what it wrote');
}
