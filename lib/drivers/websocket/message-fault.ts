import { frameLength, PREFIX_BYTES } from '../../wire/prefix.js';
import { CloseCode } from './close-codes.js';

/** Why a message is refused. */
export interface MessageFault {
  readonly closeCode: CloseCode;
  readonly detail: string;
}

/** The peer sent text. */
export const TEXT_FAULT: MessageFault = {
  closeCode: CloseCode.UNSUPPORTED_DATA,
  detail: 'expected binary messages, got text',
};

/** The peer sent more than it may. */
export function tooLarge(maxFrameBytes: number, got: number | string): MessageFault {
  const detail = `expected at most ${maxFrameBytes} bytes, got ${got}`;
  return { closeCode: CloseCode.TOO_LARGE, detail };
}

/** What is wrong with a message that should be one whole frame; `undefined` where nothing is. */
export function faultOf(message: Uint8Array, maxFrameBytes: number): MessageFault | undefined {
  const { length } = message;
  if (length > maxFrameBytes) return tooLarge(maxFrameBytes, length);
  if (length >= PREFIX_BYTES && frameLength(message, 0) === length) return undefined;
  const detail = `expected one whole frame, got a message of ${length} bytes`;
  return { closeCode: CloseCode.PROTOCOL_ERROR, detail };
}
