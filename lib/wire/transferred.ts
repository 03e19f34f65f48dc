import { CommError, CommErrorCode } from '../comm-error.js';

/** The error of messages that are lost since a receiver transferred, to a worker say, memory that they lie in too. */
export function transferred(): CommError {
  return new CommError(
    CommErrorCode.ERROR,
    'a receiver transferred the memory of a payload, which other messages lie in: transfer a copy, payload.slice()',
  );
}
