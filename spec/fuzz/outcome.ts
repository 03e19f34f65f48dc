import { CommError, CommErrorCode, messageOf } from '../../lib/comm-error.js';
import type { Fate } from './hub.js';
import { insist } from './target.js';

/** What is expected of bytes that break the protocol: a CommError `BAD_DATA`, and nothing else. */
export function expectBadData(decode: () => unknown): void {
  let failure: unknown;
  try {
    decode();
  } catch (error) {
    failure = error;
  }
  insist(failure !== undefined, 'expected BAD_DATA, and it was accepted');
  requireBadData(failure);
}

/** Holds an error to be a CommError `BAD_DATA`. */
export function requireBadData(failure: unknown): void {
  insist(failure instanceof CommError, `expected a CommError, got ${messageOf(failure)}`, failure);
  insist(failure.code === CommErrorCode.BAD_DATA, `expected BAD_DATA, got ${failure.code}`, failure);
}

/** Holds an end to be that of a peer that said nothing wrong: clean, or CLOSED where something was still to come. */
export function requireHarmless({ error }: Fate, wasWhole: boolean): void {
  if (error === undefined) return;
  insist(error instanceof CommError, `expected a CommError, got ${messageOf(error)}`, error);
  insist(!wasWhole && error.code === CommErrorCode.CLOSED, `expected a clean end, got ${error.code}`, error);
}

/** Holds an end to be clean, or one with a CommError: of bytes of which nobody knows what they come to. */
export function requireNamed({ error }: Fate): void {
  insist(
    error === undefined || error instanceof CommError,
    `expected a CommError, got ${messageOf(error)}`,
    error,
  );
}
