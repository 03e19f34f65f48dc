import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { require } from './target.js';

/** What is expected of bytes that break the protocol: a CommError `BAD_DATA`, and nothing else. */
export function expectBadData(decode: () => unknown): void {
  let failure: unknown;
  try {
    decode();
  } catch (error) {
    failure = error;
  }
  require(failure !== undefined, 'expected BAD_DATA, and it was accepted');
  requireBadData(failure);
}

/** Holds an error to be a CommError `BAD_DATA`. */
export function requireBadData(failure: unknown): void {
  require(failure instanceof CommError, `expected a CommError, got ${String(failure)}`, failure);
  require(failure.code === CommErrorCode.BAD_DATA, `expected BAD_DATA, got ${failure.code}`, failure);
}
