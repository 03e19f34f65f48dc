import {
  connect,
  filter,
  ignoreElements,
  interval,
  merge,
  type MonoTypeOperatorFunction,
  type SchedulerLike,
  switchMap,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';

import type { SessionEvent } from './session.js';

/** How often the question is put until it is answered. */
const ASK_EVERY_MS = 50;

/**
 * Asks a peer that is ready for a sign that it knows us too, and settles for time when none comes.
 *
 * NVFlare handles frames on a pool of threads, and a message that overtakes the HELLO or READY before it is
 * lost there. A PING that overtakes it goes unanswered, so the first PONG proves that messages are safe.
 */
export function settle(timeoutMs: number, scheduler: SchedulerLike): MonoTypeOperatorFunction<SessionEvent> {
  return connect((events$) => {
    const settled$ = events$.pipe(filter(({ type }) => type === 'settled' || type === 'closed'));
    const asking$ = events$.pipe(
      filter(({ type }) => type === 'ready'),
      take(1),
      switchMap(({ session }) => {
        if (timeoutMs === 0 || !session.role.heartbeat) {
          session.settle();
          return [];
        }
        session.ping();
        return interval(ASK_EVERY_MS, scheduler).pipe(
          takeUntil(timer(timeoutMs, scheduler)),
          tap({ next: () => session.ping(), complete: () => session.settle() }),
          takeUntil(settled$),
        );
      }),
      ignoreElements(),
    );
    return merge(events$, asking$);
  });
}
