import { decodeFobs } from '../fobs/decode.js';
import { encodeFobs } from '../fobs/encode.js';
import type { FobsDialect } from '../fobs/sections.js';
import type { FobsValue } from '../fobs/value.js';
import { isBytes } from '../is-bytes.js';
import type { Message, MessageHeaders } from '../message.js';
import { Encoding, Header } from './headers.js';

/** A payload on the wire, and the headers that say how it is written. */
export function encodePayload(payload: FobsValue, dialect: FobsDialect): Message {
  if (payload === undefined) return { headers: headersOf(Encoding.NONE, 0) };
  if (isBytes(payload)) return { headers: headersOf(Encoding.BYTES, payload.length), payload };
  const encoded = encodeFobs(payload, { dialect });
  return { headers: headersOf(Encoding.FOBS, encoded.length), payload: encoded };
}

/**
 * The payload of a message: `undefined`, bytes, or a decoded value. `dialect` is that of the sender, where it shows.
 *
 * @throws CommError `BAD_DATA` where it says that it is FOBS and is not
 */
export function decodePayload({ headers = {}, payload }: Message): {
  readonly value: FobsValue;
  readonly dialect?: FobsDialect;
} {
  const encoding = headers[Header.PAYLOAD_ENCODING];
  if (encoding === Encoding.NONE) return { value: undefined };
  const bytes = payload ?? new Uint8Array();
  return encoding === Encoding.FOBS ? decodeFobs(bytes) : { value: bytes };
}

function headersOf(encoding: string, length: number): MessageHeaders {
  return { [Header.PAYLOAD_ENCODING]: encoding, [Header.PAYLOAD_LEN]: length };
}
