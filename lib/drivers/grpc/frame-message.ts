import { CommError, CommErrorCode } from '../../comm-error.js';
import { plainBytes } from '../node/plain-bytes.js';

/** The prefix of each message of a gRPC stream: whether it is compressed, and its length as a u32. */
export const PREFIX_BYTES = 5;

/** Tags of the fields of `Frame { int32 seq = 1; bytes data = 2; }`: the field's number and its wire type. */
const SEQ_TAG = (1 << 3) | 0;
const DATA_TAG = (2 << 3) | 2;

/** How a field is encoded: the low three bits of its tag. 3 and 4 are groups, which protobuf has removed. */
const WireType = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;

/** A varint has seven bits in each byte, for at most 64. */
const MAX_VARINT_BYTES = 10;

/** How much larger than its frame a message may be: two tags, `seq` and a length, each of maximum size. */
export const MESSAGE_OVERHEAD_BYTES = 2 * (1 + MAX_VARINT_BYTES);

/** Shared by all connections. Its content is valid until the next message. */
const scratch = Buffer.alloc(16 * 1024);

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Encodes the start of a message of a gRPC stream, prefix included: one `streamer.Frame` whose data is `head`, followed by
 * `payloadBytes` more that the caller writes.
 *
 * @param seq - from 0 to 2^31 - 1
 * @returns a view on memory that the next call overwrites
 */
export function beginFrameMessage(seq: number, head: Uint8Array, payloadBytes: number): Uint8Array {
  const dataBytes = head.length + payloadBytes;
  const fieldBytes = 2 + varintBytes(seq) + varintBytes(dataBytes);
  const length = PREFIX_BYTES + fieldBytes + head.length;
  const target = length > scratch.length ? Buffer.allocUnsafeSlow(length) : scratch;
  target[0] = 0;
  target.writeUInt32BE(fieldBytes + dataBytes, 1);
  target[PREFIX_BYTES] = SEQ_TAG;
  let at = writeVarint(target, PREFIX_BYTES + 1, seq);
  target[at] = DATA_TAG;
  at = writeVarint(target, at + 1, dataBytes);
  target.set(head, at);
  return target.subarray(0, length);
}

/**
 * Decodes a `streamer.Frame`: a view on its data, empty if it has none. `seq` is ignored, as are unknown fields. Of a field
 * that occurs twice the last one counts, as in protobuf.
 *
 * @param bytes - holds the message from `start` to `end`
 * @throws CommError `BAD_DATA` if it is not such a message
 */
export function decodeFrameMessage(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const reader: Reader = { bytes, at: start, end };
  let data = NOTHING;
  while (reader.at < end) {
    const tag = readVarint(reader);
    if (tag === DATA_TAG) data = readBytes(reader);
    else skip(reader, tag);
  }
  return data;
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

function skip(reader: Reader, tag: number): void {
  const field = Math.floor(tag / 8);
  const wireType = tag % 8;
  if (field === 0) throw badMessage('a field has the number 0');
  if (field === DATA_TAG >> 3) throw badMessage(`expected its data as bytes, got wire type ${wireType}`);
  if (wireType === WireType.VARINT) readVarint(reader);
  else if (wireType === WireType.BYTES) readBytes(reader);
  else if (wireType === WireType.FIXED64) advance(reader, 8);
  else if (wireType === WireType.FIXED32) advance(reader, 4);
  else throw badMessage(`field ${field} has the unknown wire type ${wireType}`);
}

function readBytes(reader: Reader): Uint8Array {
  const length = readVarint(reader);
  const { bytes, at } = reader;
  advance(reader, length);
  return plainBytes(bytes, at, length);
}

function advance(reader: Reader, count: number): void {
  const left = reader.end - reader.at;
  if (count > left) throw badMessage(`a field wants ${count} bytes, but ${left} are left`);
  reader.at += count;
}

/** Reads a varint. The result is inexact above 2^53, which is no valid length or tag. */
function readVarint(reader: Reader): number {
  let value = 0;
  let unit = 1;
  for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
    const byte = reader.at < reader.end ? reader.bytes[reader.at] : undefined;
    if (byte === undefined) throw badMessage('it ends in the middle of a number');
    reader.at += 1;
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value;
    unit *= 0x80;
  }
  throw badMessage(`a number has more than ${MAX_VARINT_BYTES} bytes`);
}

function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    target[at] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    at += 1;
  }
  target[at] = rest;
  return at + 1;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) count += 1;
  return count;
}

function badMessage(detail: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `bad gRPC message: ${detail}`);
}
