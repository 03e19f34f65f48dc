import {
  catchError,
  connect,
  filter,
  merge,
  type MonoTypeOperatorFunction,
  type Observable,
  of,
  switchMap,
  take,
  takeUntil,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { NAME_TAKEN } from '../transport/told-reason.js';
import type { Endpoint } from '../endpoint.js';
import { VerdictError } from './call-verify-hook.js';
import type { Session } from './session.js';
import type { SessionLife } from './session-life.js';

/**
 * Whether a peer may come in: emits `admitted` when it may, and what is to be done before that is known; errors with a
 * CommError whose message is the reason.
 */
export type Decide = (session: Session, endpoint: Endpoint) => Observable<SessionLife>;

/** Lets everyone in. */
export const admitAll: Decide = (session, endpoint) =>
  of({ type: 'admitted', session, endpoint, at: 0, over: undefined });

/** Asks about each peer that has said who it is, and adds what is decided to the life of its session. */
export function withAdmission(decide: Decide): MonoTypeOperatorFunction<SessionLife> {
  return connect((life$) => {
    const decided$ = life$.pipe(
      filter((event) => event.type === 'greeted'),
      take(1),
      switchMap(({ session, endpoint }) =>
        decide(session, endpoint).pipe(
          catchError((error: unknown) => of(refused(session, endpoint, error))),
          // What a session shows next, until it is welcome, is that it has closed.
          takeUntil(life$),
        ),
      ),
    );
    return merge(life$, decided$);
  });
}

function refused(session: Session, endpoint: Endpoint, thrown: unknown): SessionLife {
  const error = CommError.from(thrown);
  return { type: 'refused', session, endpoint, error, told: toldOf(error) };
}

function toldOf(error: CommError): string | undefined {
  if (error instanceof VerdictError) return error.told;
  if (error.detail === 'name-taken') return NAME_TAKEN;
  // A hook that failed has decided nothing.
  return error.code === CommErrorCode.ERROR ? undefined : '';
}
