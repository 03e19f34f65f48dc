import {
  catchError,
  defaultIfEmpty,
  defer,
  EMPTY,
  from,
  isObservable,
  map,
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
 * refused, and with CommError `ERROR` when the hook fails, whose cause is what it threw: nobody has decided, so the peer
 * is not told that it is refused.
 */
export function callVerifyHook(hook: VerifyEndpoint, candidate: EndpointCandidate): Observable<never> {
  return defer((): Observable<unknown> => {
    const answer: unknown = hook(candidate);
    return isObservable(answer) || isPromise(answer) ? from(answer) : of(answer);
  }).pipe(
    take(1),
    defaultIfEmpty(undefined),
    map((verdict) => (verdict === true ? undefined : refusal(verdict))),
    catchError((thrown: unknown) => of(failure(thrown))),
    mergeMap((error) => (error === undefined ? EMPTY : throwError(() => error))),
  );
}

function failure(cause: unknown): CommError {
  return new CommError(CommErrorCode.ERROR, `verifyEndpoint failed: ${messageOf(cause)}`, { cause });
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
