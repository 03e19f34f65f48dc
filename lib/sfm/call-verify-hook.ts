import {
  catchError,
  defaultIfEmpty,
  defer,
  EMPTY,
  from,
  isObservable,
  mergeMap,
  type Observable,
  of,
  take,
  throwError,
} from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { isPromise } from '../is-promise.js';
import type { EndpointCandidate, VerifyEndpoint } from '../verify-endpoint.js';

/**
 * Puts a candidate to the user's hook. Completes when it is let in; errors with `BAD_CONFIG`, whose message is the
 * reason, when it is refused.
 *
 * @param report - called with what the hook threw; that refuses too
 */
export function callVerifyHook(
  hook: VerifyEndpoint,
  candidate: EndpointCandidate,
  report: (thrown: unknown) => void,
): Observable<never> {
  return defer((): Observable<unknown> => {
    const answer: unknown = hook(candidate);
    return isObservable(answer) || isPromise(answer) ? from(answer) : of(answer);
  }).pipe(
    take(1),
    defaultIfEmpty(undefined),
    catchError((thrown: unknown) => {
      report(thrown);
      return of(`verifyEndpoint failed: ${messageOf(thrown)}`);
    }),
    mergeMap((verdict) => (verdict === true ? EMPTY : throwError(() => refusal(verdict)))),
  );
}

/** The user may not use TypeScript: an answer that is none refuses. */
function refusal(verdict: unknown): CommError {
  const reason =
    verdict === false
      ? 'verifyEndpoint answered false'
      : `verifyEndpoint: expected true, false or a reason, got ${typeof verdict}`;
  return new CommError(CommErrorCode.BAD_CONFIG, typeof verdict === 'string' ? verdict : reason);
}
