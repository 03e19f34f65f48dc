import { type DecodeOptions, decodeFobs } from '../fobs/decode.js';
import type { Reference } from '../fobs/datum.js';
import { encodeFobs, type EncodeOptions } from '../fobs/encode.js';
import type { FobsDialect } from '../fobs/sections.js';
import type { FobsValue } from '../fobs/value.js';
import { isBytes } from '../is-bytes.js';
import type { Message, MessageHeaders } from '../message.js';
import { Encoding, Header } from './headers.js';

/** A payload on the wire, and the headers that say how it is written. */
export function encodePayload(
  payload: FobsValue,
  dialect: FobsDialect,
  keep?: EncodeOptions['keep'],
): Message {
  if (payload === undefined) return { headers: headersOf(Encoding.NONE, 0) };
  if (isBytes(payload)) return { headers: headersOf(Encoding.BYTES, payload.length), payload };
  const encoded = encodeFobs(payload, { dialect, ...(keep && { keep }) });
  return { headers: headersOf(Encoding.FOBS, encoded.length), payload: encoded };
}

/** What a payload is. */
export interface DecodedPayload {
  readonly value: FobsValue;
  /** That of the sender, where it shows. */
  readonly dialect?: FobsDialect;
  /** What is to be pulled. */
  readonly references?: readonly Reference[];
}

/**
 * The payload of a message: `undefined`, bytes, or a decoded value.
 *
 * @throws CommError `BAD_DATA` where it says that it is FOBS and is not
 */
export function decodePayload({ headers = {}, payload }: Message, options?: DecodeOptions): DecodedPayload {
  const encoding = headers[Header.PAYLOAD_ENCODING];
  if (encoding === Encoding.NONE) return { value: undefined };
  const bytes = payload ?? new Uint8Array();
  return encoding === Encoding.FOBS ? decodeFobs(bytes, options) : { value: bytes };
}

function headersOf(encoding: string, length: number): MessageHeaders {
  return { [Header.PAYLOAD_ENCODING]: encoding, [Header.PAYLOAD_LEN]: length };
}
