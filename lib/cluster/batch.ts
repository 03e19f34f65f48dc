/*
 * What one replica sends to another goes in batches, each a message of NATS. All numbers are big-endian, `f64` is a count.
 *
 *   batch:    'r' u8 | version u8 | flags u8 | 0 u8 | epoch u32 | number f64 | oldest f64 | acknowledged epoch u32 | acknowledged number f64
 *   records:  type u8 | channel u32 | what follows
 *     OPEN        generation f64 | length u16 | name in ASCII     the messages of this channel are for this endpoint
 *     OPEN_SPREAD the messages of this channel are for the receivers
 *     OPEN_RETURN channel u32                         the messages of this channel are back from that one, which is yours
 *     DATA        length u32 | the frame, or the rest of it
 *     PART        length u32 | a part of a frame
 *     WRITTEN     messages u32 | bytes f64                        what was sent on this channel is with the system
 *     LOST        undelivered and unknown, as WRITTEN
 *     CLOSE       nothing more comes on this channel; channel 0: says nothing, for an answer
 *     REMOVE      end the connection of the endpoint
 *     QUIESCE     channel 0: send nothing more to my endpoints
 *     QUIESCED    channel 0: nothing more comes for your endpoints
 */

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Tally } from '../stats.js';

const MAGIC = 0x72;
const VERSION = 1;

/** The bytes before the records. */
export const HEADER_BYTES = 36;
/** Of a record, before what follows. */
export const RECORD_BYTES = 5;
/** A record of a part of a frame, without it. */
export const PART_BYTES = RECORD_BYTES + 4;

/** The types of records. */
export const RecordType = {
  OPEN: 1,
  DATA: 2,
  PART: 3,
  WRITTEN: 4,
  LOST: 5,
  CLOSE: 6,
  REMOVE: 7,
  QUIESCE: 8,
  QUIESCED: 9,
  OPEN_SPREAD: 10,
  OPEN_RETURN: 11,
} as const;

/** What is said before the records. */
export interface BatchHeader {
  /** The link does not know its beginning: the sender begins a new epoch. */
  readonly isReset: boolean;
  /** Grows when a sender begins anew. */
  readonly epoch: number;
  /** Counts batches from 1; 0 has no records. */
  readonly number: number;
  /** The oldest batch of the epoch that the sender may repeat. */
  readonly oldest: number;
  /** All batches of that epoch up to `acknowledged` have arrived. */
  readonly acknowledgedEpoch: number;
  readonly acknowledged: number;
}

/** What the messages of a channel are for. */
export type Target =
  /** An endpoint of the other replica, under a claim that it has on the name. */
  | { readonly type: 'endpoint'; readonly name: string; readonly generation: number }
  | { readonly type: 'receivers' }
  /** They come back to the replica that sent them, on a channel of that. */
  | { readonly type: 'origin'; readonly channel: number };

/** One record. */
export type BatchRecord =
  | { readonly type: 'open'; readonly channel: number; readonly target: Target }
  | {
      readonly type: 'data';
      readonly channel: number;
      readonly bytes: Uint8Array;
      /** The frame goes on in the next record of the channel. */
      readonly isPart: boolean;
    }
  | { readonly type: 'written'; readonly channel: number; readonly written: Tally }
  | { readonly type: 'lost'; readonly channel: number; readonly undelivered: Tally; readonly unknown: Tally }
  | { readonly type: 'close' | 'remove'; readonly channel: number }
  | { readonly type: 'quiesce' | 'quiesced'; readonly channel: number };

/** Writes the header of a batch, or writes it again. */
export function writeHeader(batch: Uint8Array, header: BatchHeader): void {
  const view = viewOf(batch);
  view.setUint8(0, MAGIC);
  view.setUint8(1, VERSION);
  view.setUint8(2, header.isReset ? 1 : 0);
  view.setUint8(3, 0);
  view.setUint32(4, header.epoch);
  view.setFloat64(8, header.number);
  view.setFloat64(16, header.oldest);
  view.setUint32(24, header.acknowledgedEpoch);
  view.setFloat64(28, header.acknowledged);
}

/** Reads the header of a batch. @throws CommError `BAD_DATA` where there is none */
export function readHeader(batch: Uint8Array): BatchHeader {
  if (batch.length < HEADER_BYTES || batch[0] !== MAGIC || batch[1] !== VERSION)
    throw bad('it does not begin as a batch of this version does');
  const view = viewOf(batch);
  return {
    isReset: view.getUint8(2) === 1,
    epoch: view.getUint32(4),
    number: countOf(view.getFloat64(8)),
    oldest: countOf(view.getFloat64(16)),
    acknowledgedEpoch: view.getUint32(24),
    acknowledged: countOf(view.getFloat64(28)),
  };
}

/** The records of a batch. @throws CommError `BAD_DATA` at the first one that is broken */
export function* readRecords(batch: Uint8Array): Generator<BatchRecord> {
  const view = viewOf(batch);
  let at = HEADER_BYTES;
  const take = (bytes: number): number => {
    if (at + bytes > batch.length) throw bad('a record is cut off');
    at += bytes;
    return at - bytes;
  };
  const tally = (): Tally => ({
    messages: view.getUint32(take(4)),
    bytes: countOf(view.getFloat64(take(8))),
  });
  while (at < batch.length) {
    const start = take(RECORD_BYTES);
    const type = view.getUint8(start);
    const channel = view.getUint32(start + 1);
    switch (type) {
      case RecordType.OPEN: {
        const generation = countOf(view.getFloat64(take(8)));
        const length = view.getUint16(take(2));
        const nameAt = take(length);
        const name = asciiOf(batch, nameAt, length);
        yield { type: 'open', channel, target: { type: 'endpoint', name, generation } };
        break;
      }
      case RecordType.OPEN_SPREAD:
        yield { type: 'open', channel, target: { type: 'receivers' } };
        break;
      case RecordType.OPEN_RETURN:
        yield { type: 'open', channel, target: { type: 'origin', channel: view.getUint32(take(4)) } };
        break;
      case RecordType.DATA:
      case RecordType.PART: {
        const length = view.getUint32(take(4));
        const bytesAt = take(length);
        const bytes = batch.subarray(bytesAt, bytesAt + length);
        yield { type: 'data', channel, bytes, isPart: type === RecordType.PART };
        break;
      }
      case RecordType.WRITTEN:
        yield { type: 'written', channel, written: tally() };
        break;
      case RecordType.LOST:
        yield { type: 'lost', channel, undelivered: tally(), unknown: tally() };
        break;
      case RecordType.CLOSE:
        yield { type: 'close', channel };
        break;
      case RecordType.REMOVE:
        yield { type: 'remove', channel };
        break;
      case RecordType.QUIESCE:
        yield { type: 'quiesce', channel };
        break;
      case RecordType.QUIESCED:
        yield { type: 'quiesced', channel };
        break;
      default:
        throw bad(`a record has the unknown type ${type}`);
    }
  }
}

/** A DataView on bytes. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function asciiOf(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

function countOf(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw bad(`${value} is no count`);
  return value;
}

function bad(detail: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `bad batch: ${detail}`);
}
