import { exhaustMap, type Observable, Subject, type Subscription, takeUntil, tap, timestamp } from 'rxjs';

import type { CommError } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import type { CommunicatorStats } from '../stats.js';
import { isWatcher } from '../watcher.js';
import { Busiest } from './busiest.js';
import { detailsOf } from './endpoint-details.js';
import { EventLog } from './event-log.js';
import { foundIn } from './found-in.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { type ReportedEvent, reportEvent } from './reported-event.js';
import { sendIfPossible, whenRoom } from './send-when-room.js';
import { decodeRequest, encodeJson, type StatsAnswer } from './stats-protocol.js';
import { HISTORY_PERIOD_MS, StatsHistory } from './stats-history.js';
import { totalsOf } from './stats-totals.js';
import { mayWatch, notAllowed, serveWatchers, type WatcherLimits, type WatchRequest } from './watchers.js';

/** How {@link serveStats} serves. */
export interface ServeStatsOptions extends Partial<WatcherLimits> {
  /** The app ID of requests and answers. Default: `MonitorAppIds.STATS`. */
  readonly appId?: number;
  /** The shortest period, in milliseconds; a request for a shorter one gets this. Default: 100. */
  readonly minPeriodMs?: number;
  /**
   * The most endpoints that a report has: the busiest, beside the totals of all. Default: 500. A watcher takes no
   * report above 16 MiB, which is about 28,000 endpoints.
   */
  readonly maxEndpoints?: number;
  /** How many lifecycle events are kept for watchers. Default: 200. */
  readonly maxEvents?: number;
  /** Whether an hour of totals is kept for watchers that ask for it, in steps of 15 s and 30 kB. Default: false. */
  readonly history?: boolean;
}

const DEFAULTS: Required<ServeStatsOptions> = {
  appId: MonitorAppIds.STATS,
  allow: () => true,
  maxWatchers: 32,
  minPeriodMs: 100,
  maxEndpoints: 500,
  maxEvents: 200,
  history: false,
};

interface Request extends WatchRequest {
  readonly periodMs: number;
  readonly maxEndpoints?: number;
  readonly history?: boolean;
  readonly find?: string;
}

/**
 * Lets other endpoints watch this communicator: answers `watchStats` with `communicator.stats()` and the lifecycle
 * events since the last report, and `roundTrips` at once. Without it nothing is served.
 *
 * A report waits until the queue of the watcher has room; reports that come due in that time are left out. So a slow
 * watcher costs one report. A request above 1 KB is not parsed, and not answered.
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
  const { appId, minPeriodMs, maxEndpoints, maxEvents, history, ...limits } = { ...DEFAULTS, ...options };
  const log = new EventLog(maxEvents);
  const hour = new StatsHistory();
  const requests = new Subject<Request>();
  const end = new Subject<void>();

  const answer = (name: string, content: StatsAnswer): boolean =>
    sendIfPossible(communicator, name, appId, encodeJson(content));

  const serve = ({ endpoint: { name }, id, periodMs, ...request }: Request): Observable<unknown> => {
    const keptMs = Math.min(Math.max(periodMs, minPeriodMs), LONGEST_TIMER_MS);
    const busiest = new Busiest(Math.min(request.maxEndpoints ?? maxEndpoints, maxEndpoints));
    let next = 0;
    let past = request.history === true && history ? { history: hour.samples } : {};
    const report = (all: CommunicatorStats): void => {
      const asked = request.find === undefined ? all : foundIn(all, request.find);
      const [stats, totals] = [busiest.of(asked), totalsOf(all)];
      const found = request.find === undefined ? {} : { found: asked.endpoints.length };
      const content = {
        type: 'report',
        id,
        periodMs: keptMs,
        stats,
        totals,
        ...log.since(next),
        ...past,
        ...found,
      } as const;
      if (!answer(name, content)) return;
      next = log.end;
      past = {};
    };
    return communicator.stats$(keptMs).pipe(
      exhaustMap((stats) => whenRoom(communicator, name).pipe(tap(() => report(stats)))),
      takeUntil(end.pipe(tap(() => answer(name, { type: 'ended', id })))),
    );
  };
  const refuse = ({ endpoint, id }: Request, { code, message }: CommError): unknown =>
    answer(endpoint.name, { type: 'refused', id, code, text: message });

  const service = communicator.registerMessageReceiver(appId, ({ endpoint, message }) => {
    // A refusal repeats the ID of the request, so `allow` is asked after the small request is parsed.
    const request = decodeRequest(message);
    if (request?.type === 'echo') {
      if (mayWatch(endpoint, limits.allow)) answer(endpoint.name, { type: 'echo', id: request.id });
    } else if (request?.type === 'describe') {
      const described = communicator.findEndpoint(request.name);
      const details = described === undefined ? {} : { details: detailsOf(described) };
      if (mayWatch(endpoint, limits.allow))
        answer(endpoint.name, { type: 'described', id: request.id, ...details });
      else refuse({ periodMs: 0, ...request, endpoint }, notAllowed(endpoint));
    } else if (request !== undefined) {
      requests.next({ periodMs: 0, ...request, endpoint });
    }
  });
  service.add(() => end.next()); // Before the watchers are unsubscribed, which is added below.
  const events$ = communicator.lifecycle$.pipe(timestamp());
  const withRole = (event: ReportedEvent): ReportedEvent => {
    const endpoint =
      event.endpointName === undefined ? undefined : communicator.findEndpoint(event.endpointName);
    return endpoint !== undefined && isWatcher(endpoint) ? { ...event, isWatcher: true } : event;
  };
  service.add(events$.subscribe(({ value, timestamp: at }) => log.add(withRole(reportEvent(value, at)))));
  if (history)
    service.add(
      communicator.stats$(HISTORY_PERIOD_MS).subscribe((stats) => hour.add(stats.at, totalsOf(stats))),
    );
  service.add(serveWatchers(communicator, requests, limits, serve, refuse).subscribe());
  return service;
}
