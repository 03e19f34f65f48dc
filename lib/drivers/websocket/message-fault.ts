import { frameLength, PREFIX_BYTES } from '../../wire/prefix.js';
import { CloseCode } from './close-codes.js';

/** Why a message is refused. */
export interface MessageFault {
  readonly closeCode: CloseCode;
  readonly detail: string;
}

/** The fault of a text message. */
export const TEXT_FAULT: MessageFault = {
  closeCode: CloseCode.UNSUPPORTED_DATA,
  detail: 'expected binary messages, got text',
};

/** The fault of a message that arrives in bytes. */
export const CHUNKS_FAULT: MessageFault = {
  closeCode: CloseCode.POLICY,
  detail: 'a message arrived in too many small chunks',
};

/** The fault of a message over the limit. */
export function tooLarge(maxFrameBytes: number, got: number | string): MessageFault {
  const detail = `expected at most ${maxFrameBytes} bytes, got ${got}`;
  return { closeCode: CloseCode.TOO_LARGE, detail };
}

/** The fault of a message in too many fragments. */
export function tooManyFragments(limit: number): MessageFault {
  const detail = `expected at most ${limit} fragments before the handshake, got more`;
  return { closeCode: CloseCode.POLICY, detail };
}

/** The fault of a message that should be one whole frame; `undefined` if it is one. */
export function faultOf(message: Uint8Array, maxFrameBytes: number): MessageFault | undefined {
  const { length } = message;
  if (length > maxFrameBytes) return tooLarge(maxFrameBytes, length);
  if (length >= PREFIX_BYTES && frameLength(message, 0) === length) return undefined;
  const detail = `expected one whole frame, got a message of ${length} bytes`;
  return { closeCode: CloseCode.PROTOCOL_ERROR, detail };
}
