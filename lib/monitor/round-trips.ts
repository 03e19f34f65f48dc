import { defer, exhaustMap, map, type Observable, take, timer } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { ask } from './ask.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { newQuestionId } from './question.js';
import { statsQuestion } from './stats-protocol.js';
import { requirePeriod, WATCH_DEFAULTS, type WatchOptions } from './watch-options.js';
import { whileReady } from './while-ready.js';

/**
 * Measures the round trip to another endpoint that called `serveStats`, in milliseconds, at once and every
 * `periodMs`. The question passes the queues and event loops of both sides, as a message of an application does. The
 * next question waits for the answer to the last one. Waits and errors as `watchStats` does.
 *
 * @param periodMs - above 0
 * @throws CommError `BAD_CONFIG` where `periodMs` is not above 0
 */
export function roundTrips(
  communicator: Communicator,
  endpointName: string,
  periodMs: number,
  options?: WatchOptions,
): Observable<number> {
  requirePeriod('roundTrips', periodMs);
  const settings = { ...WATCH_DEFAULTS, appId: MonitorAppIds.STATS, ...options };
  const roundTrip$ = defer(() => {
    const start = performance.now();
    return ask(
      communicator,
      endpointName,
      statsQuestion({ type: 'echo', id: newQuestionId() }),
      settings,
    ).pipe(
      take(1),
      map(() => performance.now() - start),
    );
  });
  return whileReady(communicator, endpointName, () =>
    timer(0, periodMs, settings.scheduler).pipe(exhaustMap(() => roundTrip$)),
  );
}
