import type { Observable } from 'rxjs';

import type { FobsValue } from '../fobs/value.js';
import type { CellRequest } from './cell-message.js';
import type { ReturnCode } from './return-code.js';

/**
 * Answers requests: with a value, a promise of one, or an Observable, whose first value is the reply, and which is
 * unsubscribed when nobody waits for it any more. `undefined` is an empty reply. What it throws becomes a return code: that of a {@link CellError} that it made, with its `reason`, or
 * else `process_exception`, also for a CellError that came from another cell. Its text does not travel.
 */
export type CellHandler = (
  request: CellRequest,
) => FobsValue | PromiseLike<FobsValue> | Observable<FobsValue>;

/** A request that is answered by a call. */
export interface OpenRequest extends CellRequest {
  /** Answers with a payload. A second answer is ignored. */
  reply(payload?: FobsValue): void;
  /** Answers with a return code. Default: `process_exception`. */
  fail(returnCode?: ReturnCode): void;
}

/** Answers a request, at most once. `error` is a text of ours for the peer. */
export type Answer = (returnCode: ReturnCode, payload?: FobsValue, error?: string) => void;

/** What the promise of a handler gives that answers for itself. */
export const ANSWERED = Symbol('answered');

/** A handler as a cell keeps it. What it returns is the reply, or `ANSWERED`, or a promise or Observable of these. */
export type RequestHandler = (request: CellRequest, answer: Answer) => unknown;
