import { CommError, CommErrorCode } from '../comm-error.js';

/** The error for bytes, or a value, that FOBS cannot carry. */
export function badFobs(fault: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `FOBS: ${fault}`);
}
