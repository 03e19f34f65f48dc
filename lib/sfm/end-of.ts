import { catchError, EMPTY, endWith, type Observable } from 'rxjs';

import type { Session } from './session.js';

/** Emits once when a session's connection has ended, in the same turn, or virtual time, as the end itself. */
export function endOf({ connection }: Session): Observable<undefined> {
  return connection.closed$.pipe(
    catchError(() => EMPTY),
    endWith(undefined),
  );
}
