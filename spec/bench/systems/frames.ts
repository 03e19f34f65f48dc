import { encodeHead } from '../../../lib/wire/frame.js';
import { FrameType, PREFIX_BYTES } from '../../../lib/wire/prefix.js';
import { headersOf, type Kind } from '../system.js';

/*
 * The other systems carry the same bytes as rxflare: prefix and four headers before each payload. They encode
 * them once and do not read them, so they have less to do.
 */

/** The head of a message, made once for a size. */
export function headOf(kind: Kind, payloadLength: number): Buffer {
  return Buffer.from(
    encodeHead({ type: FrameType.DATA, appId: 1, streamId: 17, headers: headersOf(kind) }, payloadLength),
  );
}

/** A whole message. */
export function frameOf(kind: Kind, payload: Uint8Array): Buffer {
  return Buffer.concat([headOf(kind, payload.length), payload]);
}

const LAST_LETTER = new Map<number, Kind>([
  ['a'.charCodeAt(0), 'data'],
  ['t'.charCodeAt(0), 'last'],
  ['o'.charCodeAt(0), 'echo'],
]);

/** The kind of a whole frame, told by the last letter of its headers. */
export function kindOf(frame: Uint8Array): Kind {
  const headerLength = ((frame[4] ?? 0) << 8) | (frame[5] ?? 0);
  return LAST_LETTER.get(frame[PREFIX_BYTES + headerLength - 1] ?? 0) ?? 'data';
}
