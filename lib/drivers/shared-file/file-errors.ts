import { CommError, CommErrorCode } from '../../comm-error.js';
import { fromNodeError, systemCode } from '../node/node-errors.js';

/** The file, or a directory above it, is not there. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(error));
}

/** Makes an error a CommError with this context. A connection whose directory is gone is CLOSED. */
export function fromFileError(error: unknown, context: string): CommError {
  if (error instanceof CommError) return CommError.within(error, context);
  if (!isMissing(error) && systemCode(error) !== 'ESTALE') return fromNodeError(error, context);
  return CommError.from(error, `${context}: the directory is gone`, CommErrorCode.CLOSED);
}
