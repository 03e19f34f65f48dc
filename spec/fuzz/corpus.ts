import { Encoder } from '@msgpack/msgpack';

import { encodeHead } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { concatBytes } from '../support/bytes.js';
import { goldenFrames } from '../support/golden.js';
import type { Dice } from './dice.js';
import { mutate } from './mutate.js';

const library = new Encoder({ useBigInt64: true, ignoreUndefined: true });

/** What real NVFlare nodes sent. */
const RECORDED = goldenFrames.map(({ bytes }) => bytes).filter(({ length }) => length < 4_096);

/** A name that a raw peer presents. It is never the hub's or the bystander's. */
export const RAW_NAME = 'raw';

/** A whole frame in memory of its own. */
export function frame(type: number, payload: Uint8Array, headers?: Uint8Array, appId = 0): Uint8Array {
  const bytes = concatBytes([
    encodeHead({ type: FrameType.DATA, appId, streamId: 1 }, payload.length + (headers?.length ?? 0)),
    headers ?? new Uint8Array(0),
    payload,
  ]);
  bytes[6] = type;
  if (headers !== undefined) new DataView(bytes.buffer).setUint16(4, headers.length);
  return bytes;
}

/** A HELLO or READY with a few properties. */
export function greeting(dice: Dice, type: 'HELLO' | 'READY' = 'HELLO'): Uint8Array {
  const properties = dice.chance(0.5) ? randomMap(dice, 2) : {};
  return frame(FrameType[type], encodeMap({ endpoint_name: RAW_NAME, timestamp: 1.5, ...properties }));
}

/** A sound frame as a peer sends it after its handshake. */
export function laterFrame(dice: Dice): Uint8Array {
  const kind = dice.below(10);
  if (kind === 0) return frame(FrameType.PING, Uint8Array.of(0xc0));
  if (kind === 1) return frame(FrameType.PONG, Uint8Array.of(0xc0));
  if (kind === 2) return frame(dice.pick([FrameType.FRAG, FrameType.ACK]), dice.bytes(dice.below(9)));
  if (kind === 3) return dice.pick(RECORDED) ?? frame(FrameType.PING, Uint8Array.of(0xc0));
  const headers = dice.chance(0.3) ? undefined : encodeMap(randomMap(dice, 3));
  return frame(FrameType.DATA, dice.bytes(dice.below(dice.chance(0.1) ? 400 : 24)), headers, dice.below(6));
}

/**
 * What a peer says: a handshake and some frames, one of them wrong or none; now and then of an unknown type, or in
 * the wrong order.
 */
export function conversation(dice: Dice, type: 'HELLO' | 'READY' = 'HELLO'): Uint8Array[] {
  const frames = [greeting(dice, type)];
  for (let left = dice.below(5); left > 0; left -= 1) frames.push(laterFrame(dice));
  const victim = dice.below(frames.length);
  const bytes = frames[victim] ?? new Uint8Array(0);
  const harm = dice.below(10);
  if (harm === 0) frames[victim] = withType(bytes, dice.below(256));
  else if (harm === 1) frames.reverse();
  else if (harm === 2) frames.splice(victim, 0, greeting(dice, dice.pick(['HELLO', 'READY'])));
  else if (harm < 8) frames[victim] = mutate(bytes, dice);
  else if (harm === 8) frames[victim] = mutateInside(bytes, dice);
  return frames;
}

/** Changes what stands behind the prefix, whose length is kept right: so the change gets further. */
export function mutateInside(bytes: Uint8Array, dice: Dice): Uint8Array {
  const mutated = concatBytes([bytes.subarray(0, 16), mutate(bytes.subarray(16), dice)]);
  new DataView(mutated.buffer).setUint32(0, mutated.length);
  return mutated;
}

/** Encodes a map as the library does, into memory of its own. */
export function encodeMap(map: Readonly<Record<string, unknown>>): Uint8Array {
  return library.encode(map).slice();
}

/** A map as headers have it, or nearly so. */
export function randomMap(dice: Dice, depth: number): Record<string, unknown> {
  const entries = dice.below(dice.chance(0.05) ? 20 : 4);
  return Object.fromEntries(
    Array.from({ length: entries }, () => [randomText(dice) || 'k', randomValue(dice, depth)]),
  );
}

function randomValue(dice: Dice, depth: number): unknown {
  switch (dice.below(depth > 0 ? 12 : 9)) {
    case 0:
      return null;
    case 1:
      return dice.chance(0.5);
    case 2:
      return dice.below(0x1_0000_0000);
    case 3:
      return dice.below(70_000) - 35_000;
    case 4:
      return (BigInt(dice.below(0x1_0000_0000)) << 31n) * (dice.chance(0.5) ? 1n : -1n);
    case 5:
      return dice.below(1_000_000) / 7;
    case 6:
      return dice.bytes(dice.below(dice.chance(0.05) ? 300 : 8));
    case 7:
    case 8:
      return randomText(dice);
    case 9:
      return Array.from({ length: dice.below(4) }, () => randomValue(dice, depth - 1));
    case 10:
      return nested(dice.below(40));
    default:
      return randomMap(dice, depth - 1);
  }
}

/** Lists in lists: some deeper than is allowed. */
function nested(levels: number): unknown {
  let value: unknown = [];
  for (let left = levels; left > 0; left -= 1) value = [value];
  return value;
}

const TEXTS = [
  '__proto__',
  'topic',
  'endpoint_name',
  'timestamp',
  'site-1',
  '',
  ' site ',
  'a.b',
  'ü',
  '世界',
  '🌍',
  'x',
] as const;

function randomText(dice: Dice): string {
  const text = dice.pick(TEXTS);
  return dice.chance(0.05) ? text.repeat(dice.below(80)) : text;
}

function withType(bytes: Uint8Array, type: number): Uint8Array {
  const changed = bytes.slice();
  changed[6] = type;
  return changed;
}
