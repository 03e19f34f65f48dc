import { EndpointState } from '../../../lib/endpoint.js';
import { decodeHandshake } from '../../../lib/sfm/handshake.js';
import { concatBytes } from '../../support/bytes.js';
import { encodeMap, randomMap } from '../corpus.js';
import type { Dice } from '../dice.js';
import { mutate } from '../mutate.js';
import { expectBadData } from '../outcome.js';
import { nameIn } from '../reference/conversation.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

const ADDRESSES = { local_addr: '127.0.0.1:1', peer_addr: '127.0.0.1:2' };

const NAMES = [
  'site-1',
  'server.job-7',
  ' padded ',
  'a.a',
  'a..b',
  '',
  '.',
  'ä',
  'x'.repeat(300),
  7,
  null,
] as const;

/** The payload of HELLO and READY: an endpoint with a valid name, or BAD_DATA. */
export const handshakeTarget: FuzzTarget = {
  name: 'handshake',
  kind: 'pure',
  make(dice) {
    const bytes = encodeMap(fields(dice));
    return { parts: [dice.chance(0.3) ? bytes : mutate(bytes, dice)], variant: '' };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

function fields(dice: Dice): Record<string, unknown> {
  const name = { endpoint_name: dice.pick(NAMES) };
  return dice.chance(0.5)
    ? { ...name, timestamp: 1.5, ...randomMap(dice, 2) }
    : { ...randomMap(dice, 2), ...name };
}

function check({ parts }: FuzzInput): undefined {
  const payload = concatBytes(parts);
  const name = nameIn(payload);
  if (name === undefined) {
    expectBadData(() => decodeHandshake(payload, ADDRESSES));
    return;
  }
  const endpoint = decodeHandshake(payload, ADDRESSES);
  insist(endpoint.name === name, `expected the name ${name}, got ${endpoint.name}`);
  insist(endpoint.state === EndpointState.READY, `expected READY, got ${endpoint.state}`);
  for (const key of ['endpoint_name', 'timestamp'])
    insist(!Object.hasOwn(endpoint.properties, key), `${key} is no property`);
}
