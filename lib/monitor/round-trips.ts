import { defer, exhaustMap, map, type Observable, take, timer } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { ask, ASK_DEFAULTS, newQuestionId, requirePeriod, type WatchOptions, whileReady } from './ask.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { statsQuestion } from './stats-protocol.js';

/**
 * Measures the round trip to another endpoint that called `serveStats`, in milliseconds, at once and every
 * `periodMs`: through the queues and the event loops of both sides, as a message of an application would go. The
 * next one is not sent before the last one is back. Waits and errors as `watchStats` does.
 *
 * @throws CommError `BAD_CONFIG` where `periodMs` is not above 0
 */
export function roundTrips(
  communicator: Communicator,
  endpointName: string,
  periodMs: number,
  options?: WatchOptions,
): Observable<number> {
  requirePeriod('roundTrips', periodMs);
  const settings = { ...ASK_DEFAULTS, appId: MonitorAppIds.STATS, ...options };
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
