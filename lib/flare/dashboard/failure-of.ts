import { CommError } from '../../comm-error.js';
import { FlareError } from '../flare-error.js';
import type { Failure } from './protocol.js';

/** What a page is told of an error. */
export function failureOf(error: unknown): Failure {
  const { code, message: text } = CommError.from(error);
  return { code, status: error instanceof FlareError ? error.status : null, text };
}
