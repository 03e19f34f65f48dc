import {
  concat,
  connect,
  filter,
  interval,
  map,
  merge,
  type MonoTypeOperatorFunction,
  of,
  type SchedulerLike,
  startWith,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';

import type { SessionLife } from './session-life.js';

/** How often the question is put until it is answered. */
const ASK_EVERY_MS = 50;

/**
 * Adds `ask` to the life of a session that is ready, until the peer shows that it knows us too, and `unanswered` when
 * it has not in time.
 *
 * NVFlare handles frames on a pool of threads, and a message that overtakes the HELLO or READY before it is
 * lost there. A PING that overtakes it goes unanswered, so the first PONG proves that messages are safe.
 */
export function settle(timeoutMs: number, scheduler: SchedulerLike): MonoTypeOperatorFunction<SessionLife> {
  return connect((life$) => {
    const asking$ = life$.pipe(
      filter((event) => event.type === 'ready'),
      take(1),
      switchMap(({ session }) => {
        const unanswered$ = of<SessionLife>({ type: 'unanswered', session });
        if (timeoutMs === 0 || !session.role.heartbeat) return unanswered$;
        const ask$ = interval(ASK_EVERY_MS, scheduler).pipe(
          startWith(0),
          map((): SessionLife => ({ type: 'ask', session })),
          takeUntil(timer(timeoutMs, scheduler)),
        );
        // What a session shows next is that it has settled, or closed.
        return concat(ask$, unanswered$).pipe(takeUntil(life$));
      }),
    );
    return merge(life$, asking$);
  });
}
