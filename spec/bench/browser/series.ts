import { encodeHead } from '../../../lib/wire/frame.js';
import { FrameType, PREFIX_BYTES } from '../../../lib/wire/prefix.js';
import { headersOf, type Kind } from '../system.js';

/** The application of all messages. */
export const APP = 1;

/** Messages of one size, of which the last says so. */
export interface Series {
  readonly bytes: number;
  readonly count: number;
}

const LAST_LETTER = 't'.charCodeAt(0);

/** A whole frame, as rxflare would send it, for those that send none of their own. */
export function frameOf(kind: Kind, bytes: number): Uint8Array<ArrayBuffer> {
  const head = encodeHead(
    { type: FrameType.DATA, appId: APP, streamId: 17, headers: headersOf(kind) },
    bytes,
  );
  const frame = new Uint8Array(head.length + bytes);
  frame.set(head);
  return frame;
}

/** Whether a whole frame is of kind `last`, told by the last letter of its headers. */
export function isLast(frame: Uint8Array): boolean {
  const headerLength = ((frame[4] ?? 0) << 8) | (frame[5] ?? 0);
  return frame[PREFIX_BYTES + headerLength - 1] === LAST_LETTER;
}
