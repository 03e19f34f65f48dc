import { CommError, CommErrorCode } from '../comm-error.js';
import type { MessageHeaders } from '../message.js';
import { GIVE_UP, writeFlatMap } from './flat-map.js';
import { decodeMap, encodeMap, isPlainObject } from './map-codec.js';
import {
  FrameType,
  MAX_FRAME_BYTES,
  MAX_HEADER_BYTES,
  PREFIX_BYTES,
  readPrefix,
  writePrefix,
} from './prefix.js';

/** A decoded frame. */
export interface Frame {
  readonly type: number;
  readonly appId: number;
  readonly streamId: number;
  readonly sequence: number;
  /** The headers of a message; `undefined` where it has none, and for other types of frames. */
  readonly headers: MessageHeaders | undefined;
  /** A view on the frame; `undefined` where the payload is empty. */
  readonly payload: Uint8Array | undefined;
}

/** The parts of a frame to send, without its payload. */
export interface FrameHead {
  readonly type: FrameType;
  readonly appId: number;
  readonly streamId: number;
  readonly headers?: MessageHeaders | undefined;
}

/** The payload of PING and PONG: MessagePack nil. */
export const NIL_PAYLOAD = Uint8Array.of(0xc0);

/** The buffer that every head (prefix and headers) is encoded into; the next head overwrites it. */
const scratch = new Uint8Array(PREFIX_BYTES + MAX_HEADER_BYTES);
const scratchView = new DataView(scratch.buffer);

/**
 * Encodes the head of a frame: prefix and headers. On the wire the payload follows it unchanged. The sequence is 0
 * until `stampSequence` sets it.
 *
 * @returns a view that is valid until the next call; copy it to keep it
 * @throws CommError `BAD_DATA` where the headers cannot be encoded or the frame would be over the limit
 */
export function encodeHead(head: FrameHead, payloadLength: number): Uint8Array {
  const headerLength = head.headers === undefined ? 0 : writeHeaders(head.headers);
  const length = PREFIX_BYTES + headerLength + payloadLength;
  if (length > MAX_FRAME_BYTES) {
    throw new CommError(
      CommErrorCode.BAD_DATA,
      `a frame of ${length} bytes is over the limit of ${MAX_FRAME_BYTES}`,
    );
  }
  const { type, appId, streamId } = head;
  writePrefix(scratch, { length, headerLength, type, flags: 0, appId, streamId, sequence: 0 });
  return headOf(PREFIX_BYTES + headerLength);
}

/** Cached views on the beginning of `scratch`, by length: making a view takes longer than encoding a head. */
const heads: Uint8Array[] = [];
const MAX_KEPT_BYTES = 1024;

function headOf(length: number): Uint8Array {
  if (length > MAX_KEPT_BYTES) return scratch.subarray(0, length);
  return (heads[length] ??= scratch.subarray(0, length));
}

/** Writes the headers behind the prefix and returns their size. Empty headers take 0 bytes, as in NVFlare. */
function writeHeaders(headers: MessageHeaders): number {
  if (!isPlainObject(headers)) throw new CommError(CommErrorCode.BAD_DATA, 'headers must be a plain object');
  const end = writeFlatMap(headers, scratchView, PREFIX_BYTES);
  if (end !== GIVE_UP) return end === PREFIX_BYTES + 1 ? 0 : end - PREFIX_BYTES;
  const bytes = encodeMap(headers);
  scratch.set(bytes, PREFIX_BYTES);
  return bytes.length;
}

/**
 * Decodes one whole frame.
 *
 * @throws CommError `BAD_DATA` where the lengths in its prefix do not fit, or the headers of a message are no map
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const { headerLength, type, appId, streamId, sequence } = readPrefix(bytes);
  const payloadAt = PREFIX_BYTES + headerLength;
  return {
    type,
    appId,
    streamId,
    sequence,
    headers:
      type === FrameType.DATA && headerLength > 0 ? decodeMap(bytes, PREFIX_BYTES, payloadAt) : undefined,
    payload: payloadAt === bytes.length ? undefined : bytes.subarray(payloadAt),
  };
}
