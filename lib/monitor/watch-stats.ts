import { defer, filter, finalize, map, type Observable } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { ask, ASK_DEFAULTS, newQuestionId, requirePeriod, type WatchOptions, whileReady } from './ask.js';
import { sendIfPossible } from './courtesy.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { encodeJson, statsQuestion, type StatsReport } from './stats-protocol.js';

/**
 * Watches another endpoint that called `serveStats`: its picture of its own communicator, at once and every
 * `periodMs`, and the lifecycle events between. Cold: subscribing asks, unsubscribing tells the other side to stop.
 * It waits while the endpoint is away, asks again when it comes back, and completes when the communicator stops.
 *
 * Errors with CommError `TIMEOUT` where no answer comes, since the endpoint does not serve stats; or with the code
 * of a refusal: `BAD_CONFIG` where we may not watch, `NOT_READY` where too many do.
 *
 * @param periodMs - above 0; the other side may keep to a longer one
 * @throws CommError `BAD_CONFIG` where `periodMs` is not above 0
 *
 * @example
 * ```ts
 * watchStats(site, 'hub', 1_000).subscribe(({ stats }) => console.log(stats.endpoints.length));
 * ```
 */
export function watchStats(
  communicator: Communicator,
  endpointName: string,
  periodMs: number,
  options?: WatchOptions,
): Observable<StatsReport> {
  requirePeriod('watchStats', periodMs);
  const settings = { ...ASK_DEFAULTS, appId: MonitorAppIds.STATS, ...options };
  const watch$ = defer(() => {
    const id = newQuestionId();
    const stop = encodeJson({ type: 'stop', id });
    return ask(communicator, endpointName, statsQuestion({ type: 'watch', id, periodMs }), settings).pipe(
      filter((answer) => answer.type === 'report'),
      map(({ stats, events, missedEvents }): StatsReport => ({ stats, events, missedEvents })),
      finalize(() => sendIfPossible(communicator, endpointName, settings.appId, stop)),
    );
  });
  return whileReady(communicator, endpointName, () => watch$);
}
