import type { HeaderValue, MessageHeaders } from '../message.js';
import { textHeader } from './headers.js';

/** Where chunks and what answers them travel. Source: `nvflare/fuel/f3/streaming/stream_const.py`. */
export const STREAM_CHANNEL = 'sm__STREAM';

/** `ERROR` is of NVFlare 2.9: earlier receivers refuse a stream by an ACK that has an error. */
export const StreamTopic = { DATA: 'sm__DATA', ACK: 'sm__ACK', ERROR: 'sm__ERROR' } as const;

/**
 * How a receiver begins its refusal of a stream that nobody waits for. Source: `byte_receiver.py`, as NVFlare has it from 2.7
 * on.
 */
export const NO_RECEIVER = 'No callback is registered for';

/** What a message of a stream is. */
export const DataType = { CHUNK: 1, FINAL: 2, ACK: 3, ERROR: 6 } as const;

/** The header names of streams. Source: `StreamHeaderKey` of `stream_const.py`. */
export const StreamHeader = {
  ID: 'sm__id',
  DATA_TYPE: 'sm__dt',
  SIZE: 'sm__sz',
  SEQUENCE: 'sm__sq',
  OFFSET: 'sm__os',
  ERROR: 'sm__em',
  ERROR_TYPE: 'sm__et',
  FAILED_DESTINATION: 'sm__fd',
  CHANNEL: 'sm__ch',
  TOPIC: 'sm__tp',
  /** What the file of a stream of NVFlare's `FileStreamer` is called, which 2.5 to 2.8 have. */
  FILE_NAME: 'sm__fn',
  REQUEST_ID: 'sm__ri',
  ENCODING: 'sm__pe',
  RELIABLE: 'sm__rs',
  RETRY_WAIT: 'sm__rw',
  RETRY_TIMEOUT: 'sm__rt',
  CHUNK_BYTES: 'sm__cs',
  WINDOW_BYTES: 'sm__ws',
  ACK_BYTES: 'sm__ai',
  OPTIONAL: 'sm__op',
} as const;

/** The ID that the sender gave a stream, or `undefined` where it is not an integer. */
export function streamIdOf(headers: MessageHeaders): string | undefined {
  const id = headers[StreamHeader.ID];
  if (typeof id === 'bigint') return String(id);
  return typeof id === 'number' && Number.isSafeInteger(id) ? String(id) : undefined;
}

/** A header as a count from 0; `undefined` where it is not a count. What is beyond 2^53 is 2^53 - 1. */
export function countOf(value: HeaderValue | undefined): number | undefined {
  if (typeof value === 'bigint') return value < 0n ? undefined : Number.MAX_SAFE_INTEGER;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
    ? Math.min(value, Number.MAX_SAFE_INTEGER)
    : undefined;
}

/** The text of an error that came, or `undefined` where there is none. */
export function streamErrorOf(headers: MessageHeaders): string | undefined {
  const isError = headers[StreamHeader.DATA_TYPE] === DataType.ERROR;
  const text = textHeader(headers, StreamHeader.ERROR);
  return isError || text !== '' ? text : undefined;
}
