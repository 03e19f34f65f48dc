import { CommError, CommErrorCode } from '../comm-error.js';

/** Size of the prefix that every frame begins with (`nvflare.fuel.f3.sfm.prefix`). */
export const PREFIX_BYTES = 16;

/** The largest frame that a peer may send: 2 GiB - 2 MiB (`MAX_FRAME_SIZE` of NVFlare's `net_utils`). */
export const MAX_FRAME_BYTES = 2 * 1024 ** 3 - 2 * 1024 ** 2;

/** Maximum size of encoded headers, whose length field has 16 bits. */
export const MAX_HEADER_BYTES = 0xffff;

/** Frame types (`nvflare.fuel.f3.sfm.constants`). FRAG and ACK are reserved: nobody sends them. */
export const FrameType = { DATA: 1, FRAG: 2, ACK: 3, HELLO: 4, READY: 5, PING: 6, PONG: 7 } as const;

/** One of the numbers of {@link FrameType}. */
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Offset of each field of the prefix. All fields are unsigned and big-endian. */
const OFFSET = {
  length: 0,
  headerLength: 4,
  type: 6,
  flags: 8,
  appId: 10,
  streamId: 12,
  sequence: 14,
} as const;

/** The decoded prefix. `type` is a plain number, since a peer can send any byte. */
export interface Prefix {
  /** Size of the whole frame in bytes, including the prefix. */
  readonly length: number;
  readonly headerLength: number;
  readonly type: number;
  readonly flags: number;
  readonly appId: number;
  readonly streamId: number;
  readonly sequence: number;
}

/** The `length` field of the frame that begins at `offset`. At least four bytes must follow. */
export function frameLength(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 0x10000 + readUint16(bytes, offset + 2);
}

/** The type of a whole frame, without decoding the rest. */
export function frameType(frame: Uint8Array): number {
  return frame[OFFSET.type] ?? 0;
}

/** The app ID of a frame, by its prefix. */
export function frameAppId(head: Uint8Array): number {
  return readUint16(head, OFFSET.appId);
}

/**
 * Reads and checks the prefix of one whole frame.
 *
 * @throws CommError `BAD_DATA` where its lengths do not fit the bytes
 */
export function readPrefix(frame: Uint8Array): Prefix {
  const prefix: Prefix = {
    length: frameLength(frame, 0),
    headerLength: readUint16(frame, OFFSET.headerLength),
    type: frameType(frame),
    flags: readUint16(frame, OFFSET.flags),
    appId: readUint16(frame, OFFSET.appId),
    streamId: readUint16(frame, OFFSET.streamId),
    sequence: readUint16(frame, OFFSET.sequence),
  };
  if (prefix.length !== frame.length) {
    throw badFrame(`its length field says ${prefix.length} bytes, but it has ${frame.length}`);
  }
  if (PREFIX_BYTES + prefix.headerLength > prefix.length) {
    throw badFrame(
      `${PREFIX_BYTES} bytes and headers of ${prefix.headerLength} do not fit into ${prefix.length}`,
    );
  }
  return prefix;
}

/** Writes a prefix at the start of `target`. `reserved` is 0. */
export function writePrefix(target: Uint8Array, prefix: Prefix): void {
  target[OFFSET.length] = prefix.length >>> 24;
  target[OFFSET.length + 1] = prefix.length >>> 16;
  target[OFFSET.length + 2] = prefix.length >>> 8;
  target[OFFSET.length + 3] = prefix.length;
  writeUint16(target, OFFSET.headerLength, prefix.headerLength);
  target[OFFSET.type] = prefix.type;
  target[OFFSET.type + 1] = 0;
  writeUint16(target, OFFSET.flags, prefix.flags);
  writeUint16(target, OFFSET.appId, prefix.appId);
  writeUint16(target, OFFSET.streamId, prefix.streamId);
  writeUint16(target, OFFSET.sequence, prefix.sequence);
}

/** Sets the sequence of an encoded head, which is known only when a connection writes it. */
export function stampSequence(head: Uint8Array, sequence: number): void {
  writeUint16(head, OFFSET.sequence, sequence);
}

function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

function badFrame(detail: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `bad frame: ${detail}`);
}
