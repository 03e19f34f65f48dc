import {
  catchError,
  connect,
  EMPTY,
  filter,
  merge,
  type MonoTypeOperatorFunction,
  type Observable,
  of,
  switchMap,
  take,
  takeUntil,
  tap,
} from 'rxjs';

import { CommError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { Session, SessionEvent } from './session.js';

/** Whether a peer may come in: completes when it may, errors with a CommError whose message is the reason. */
export type Admit = (session: Session, endpoint: Endpoint) => Observable<never>;

/** Lets everyone in. */
export const admitAll: Admit = () => EMPTY;

/** Asks about each peer that has said who it is: welcomes it, or adds `refused` to the events of its session. */
export function admit(ask: Admit): MonoTypeOperatorFunction<SessionEvent> {
  return connect((events$) => {
    const closed$ = events$.pipe(filter(({ type }) => type === 'closed'));
    const refused$ = events$.pipe(
      filter((event) => event.type === 'greeted'),
      take(1),
      switchMap(({ session, endpoint }) =>
        ask(session, endpoint).pipe(
          tap({ complete: () => session.welcome(endpoint) }),
          catchError((error: unknown) =>
            of<SessionEvent>({ type: 'refused', session, endpoint, error: CommError.from(error) }),
          ),
          takeUntil(closed$),
        ),
      ),
    );
    return merge(events$, refused$);
  });
}
