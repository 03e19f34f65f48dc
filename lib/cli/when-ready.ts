import { filter, map, type Observable, take, throwError, timeout as timeLimit } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { type Endpoint, isReady } from '../endpoint.js';
import type { Communicator } from '../index.js';

/** No endpoint was READY in time. */
export class NotReadyError extends CommError {
  override readonly name = 'NotReadyError';
}

/** Which endpoint to wait for, and how long. */
export interface ReadyOptions {
  /** Default: the first one that is READY. */
  readonly to?: string;
  /** In milliseconds; 0 waits for ever. */
  readonly timeout: number;
}

/** Emits the endpoint once it is READY, and completes; errors with a {@link NotReadyError} where that takes too long. */
export function whenReady(site: Communicator, { to, timeout }: ReadyOptions): Observable<Endpoint> {
  const ready$ = site.endpoints$.pipe(
    map((endpoints) => (to === undefined ? [...endpoints.values()].find(isReady) : endpoints.get(to))),
    filter(isReady),
    take(1),
  );
  const late = new NotReadyError(
    CommErrorCode.TIMEOUT,
    `${to === undefined ? 'no endpoint was' : `${to} was not`} READY in ${timeout} ms`,
  );
  return timeout === 0
    ? ready$
    : ready$.pipe(timeLimit({ first: timeout, with: () => throwError(() => late) }));
}
