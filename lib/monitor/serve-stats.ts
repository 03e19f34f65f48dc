import { exhaustMap, type Observable, Subject, type Subscription, takeUntil, tap, timestamp } from 'rxjs';

import type { CommError } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { CommunicatorStats } from '../stats.js';
import { Busiest } from './busiest.js';
import { sendIfPossible, whenRoom } from './courtesy.js';
import { EventLog } from './event-log.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { reportEvent } from './reported-event.js';
import { decodeRequest, encodeJson, type StatsAnswer } from './stats-protocol.js';
import { totalsOf } from './stats-totals.js';
import { mayWatch, serveWatchers, type WatcherLimits, type WatchRequest } from './watchers.js';

/** How {@link serveStats} serves. */
export interface ServeStatsOptions extends Partial<WatcherLimits> {
  /** Where requests come and answers go; `MonitorAppIds.STATS` unless told. */
  readonly appId?: number;
  /** The shortest period: who asks for a shorter one gets this, 100 ms unless told. */
  readonly minPeriodMs?: number;
  /** The most endpoints that a report has, 500 unless told: of more the busiest, and the totals of all. */
  readonly maxEndpoints?: number;
  /** How many lifecycle events are kept for watchers, 200 unless told. */
  readonly maxEvents?: number;
}

const DEFAULTS: Required<ServeStatsOptions> = {
  appId: MonitorAppIds.STATS,
  allow: () => true,
  maxWatchers: 32,
  minPeriodMs: 100,
  maxEndpoints: 500,
  maxEvents: 200,
};

/** Timers take no longer time than this. */
const MAX_PERIOD_MS = 2 ** 31 - 1;

interface Request extends WatchRequest {
  readonly periodMs: number;
  readonly maxEndpoints?: number;
}

/**
 * Lets other endpoints watch this communicator: answers `watchStats` with `communicator.stats()` and the lifecycle
 * events since the last report, and `roundTrips` at once. Nothing is served without it.
 *
 * A report waits until there is room in the queue of the watcher, and those that would come due meanwhile are left
 * out, so a slow watcher costs one report.
 *
 * @returns unsubscribing ends the service, and tells the watchers so
 * @throws CommError `BAD_CONFIG` where the app ID has a receiver already
 *
 * @example
 * ```ts
 * const service = serveStats(hub, { allow: ({ name }) => name.startsWith('dashboard-') });
 * ```
 */
export function serveStats(communicator: Communicator, options: ServeStatsOptions = {}): Subscription {
  const { appId, minPeriodMs, maxEndpoints, maxEvents, ...limits } = { ...DEFAULTS, ...options };
  const log = new EventLog(maxEvents);
  const requests = new Subject<Request>();
  const end = new Subject<void>();

  const answer = (name: string, content: StatsAnswer): boolean =>
    sendIfPossible(communicator, name, appId, encodeJson(content));

  const serve = ({ endpoint: { name }, id, periodMs, ...request }: Request): Observable<unknown> => {
    const keptMs = Math.min(Math.max(periodMs, minPeriodMs), MAX_PERIOD_MS);
    const busiest = new Busiest(Math.min(request.maxEndpoints ?? maxEndpoints, maxEndpoints));
    let next = 0;
    const report = (all: CommunicatorStats): void => {
      const [stats, totals] = [busiest.of(all), totalsOf(all)];
      const content = { type: 'report', id, periodMs: keptMs, stats, totals, ...log.since(next) } as const;
      if (answer(name, content)) next = log.end;
    };
    return communicator.stats$(keptMs).pipe(
      exhaustMap((stats) => whenRoom(communicator, name, () => report(stats))),
      takeUntil(end.pipe(tap(() => answer(name, { type: 'ended', id })))),
    );
  };
  const refuse = ({ endpoint, id }: Request, { code, message }: CommError): unknown =>
    answer(endpoint.name, { type: 'refused', id, code, text: message });

  const service = communicator.registerMessageReceiver(appId, ({ endpoint, message }) => {
    const request = decodeRequest(message);
    if (request?.type === 'echo') {
      if (mayWatch(endpoint, limits.allow)) answer(endpoint.name, request);
    } else if (request !== undefined) {
      requests.next({ periodMs: 0, ...request, endpoint });
    }
  });
  service.add(() => end.next()); // While there are watchers: what is added next lets go of them.
  const events$ = communicator.lifecycle$.pipe(timestamp());
  service.add(events$.subscribe(({ value, timestamp: at }) => log.add(reportEvent(value, at))));
  service.add(serveWatchers(communicator, requests, limits, serve, refuse).subscribe());
  return service;
}
