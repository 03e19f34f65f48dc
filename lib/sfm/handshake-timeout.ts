import {
  connect,
  filter,
  map,
  merge,
  type MonoTypeOperatorFunction,
  type SchedulerLike,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';

import type { SessionEvent } from './session.js';

/** Adds `overdue` to the events of a session that is neither ready nor closed in time. */
export function handshakeTimeout(
  timeoutMs: number,
  scheduler: SchedulerLike,
): MonoTypeOperatorFunction<SessionEvent> {
  return connect((events$) => {
    const decided$ = events$.pipe(filter(({ type }) => type === 'ready' || type === 'closed'));
    const overdue$ = events$.pipe(
      filter(({ type }) => type === 'opened'),
      take(1), // An operator that waits for more would stay with each connection for its whole life.
      switchMap(({ session }) =>
        timer(timeoutMs, scheduler).pipe(
          map((): SessionEvent => ({ type: 'overdue', session })),
          takeUntil(decided$),
        ),
      ),
    );
    return merge(events$, overdue$);
  });
}
