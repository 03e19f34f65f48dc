import { cleanReason } from '../transport/told-reason.js';
import type { Frame } from '../wire/frame.js';
import { decodeMap, encodeMap } from '../wire/map-codec.js';
import { FrameType } from '../wire/prefix.js';

/**
 * The payload of the frame by which a listener refuses a peer: a PONG before READY. NVFlare peers do nothing on a PONG,
 * while each frame of a type that they do not know makes them log an error.
 *
 * @param told - what the peer may know; may be empty
 */
export function encodeRefusal(told: string): Uint8Array {
  return encodeMap({ refused: cleanReason(told) }).slice();
}

/**
 * What a listener tells the peer that it refuses; `undefined` where a frame is no refusal.
 *
 * @throws CommError `BAD_DATA` where the payload is a map that cannot be decoded
 */
export function decodeRefusal({ type, payload }: Frame): string | undefined {
  // An ordinary PONG carries nil.
  if (type !== FrameType.PONG || payload === undefined || payload.length <= 1) return undefined;
  const { refused } = decodeMap(payload);
  return typeof refused === 'string' ? cleanReason(refused) : undefined;
}
