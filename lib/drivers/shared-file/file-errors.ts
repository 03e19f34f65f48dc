import { CommError, CommErrorCode } from '../../comm-error.js';
import { fromNodeError, systemCode } from '../node/node-errors.js';

/** The file, or a directory above it, is not there. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(error));
}

/** What an error of the file system means for a connection: without its directory it is closed. */
export function fromFileError(error: unknown, context: string): CommError {
  if (!isMissing(error) && systemCode(error) !== 'ESTALE') return fromNodeError(error, context);
  return CommError.from(error, `${context}: the directory is gone`, CommErrorCode.CLOSED);
}
