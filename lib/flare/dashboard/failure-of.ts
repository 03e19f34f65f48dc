import { CommError } from '../../comm-error.js';
import { FlareError } from '../flare-error.js';
import type { Failure } from './protocol.js';

/** Servers and sites say as much as they like. */
const MAX_TEXT = 10_000;

/** What a page is told of an error. */
export function failureOf(error: unknown): Failure {
  const { code, message } = CommError.from(error);
  const status = error instanceof FlareError ? error.status : null;
  return { code, status, text: message.slice(0, MAX_TEXT) };
}
