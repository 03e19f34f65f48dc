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

import type { SessionLife } from './session-life.js';

/** Adds `overdue` to the life of a session that is neither ready nor closed in time. */
export function handshakeTimeout(
  timeoutMs: number,
  scheduler: SchedulerLike,
): MonoTypeOperatorFunction<SessionLife> {
  return connect((life$) => {
    const decided$ = life$.pipe(filter(({ type }) => type === 'ready' || type === 'closed'));
    const overdue$ = life$.pipe(
      filter((event) => event.type === 'opened'),
      take(1),
      switchMap(({ session }) =>
        timer(timeoutMs, scheduler).pipe(
          map((): SessionLife => ({ type: 'overdue', session })),
          takeUntil(decided$),
        ),
      ),
    );
    return merge(life$, overdue$);
  });
}
