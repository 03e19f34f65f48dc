import { badFobs } from './bad-fobs.js';

/** A byte order mark is a part of the text. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that bytes are. @throws CommError `BAD_DATA` where they are no UTF-8, or longer than any text can be */
export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw badFobs(`a text is not UTF-8, or too long (${String(error)})`);
  }
}
