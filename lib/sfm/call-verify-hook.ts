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

import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { isPromise } from '../is-promise.js';
import type { EndpointCandidate, VerifyEndpoint } from '../verify-endpoint.js';

/** The hook's refusal; its message is the reason. */
export class VerdictError extends CommError {
  /** What the peer may know. */
  readonly told: string;

  /** @param told - what the peer may know. Default: nothing */
  constructor(reason: string, told = '') {
    super(CommErrorCode.REFUSED, reason);
    this.told = told;
  }
}

const TOLD = { tellPeer: P.string, reason: P.optional(P.string) };

/**
 * Puts a candidate to the user's hook. Completes when it is let in; errors with a {@link VerdictError} when it is
 * refused, and with CommError `ERROR` when the hook fails: nobody has decided, so the peer is not told that it is refused.
 *
 * @param report - called with what the hook threw
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
      const detail = `verifyEndpoint failed: ${messageOf(thrown)}`;
      return throwError(() => new CommError(CommErrorCode.ERROR, detail, { cause: thrown }));
    }),
    mergeMap((verdict) => (verdict === true ? EMPTY : throwError(() => refusal(verdict)))),
  );
}

/** The user may not use TypeScript: an answer of another type refuses. */
function refusal(verdict: unknown): VerdictError {
  if (isMatching(TOLD, verdict))
    return new VerdictError(verdict.reason ?? verdict.tellPeer, verdict.tellPeer);
  const reason =
    verdict === false
      ? 'verifyEndpoint answered false'
      : `verifyEndpoint: expected true, false or a reason, got ${typeof verdict}`;
  return new VerdictError(typeof verdict === 'string' ? verdict : reason);
}
