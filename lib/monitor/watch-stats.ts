import {
  defer,
  distinctUntilChanged,
  filter,
  finalize,
  map,
  type Observable,
  of,
  scan,
  switchMap,
  takeWhile,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { isReady } from '../endpoint.js';
import { ask } from './ask.js';
import { markSilence } from './mark-silence.js';
import { MonitorAppIds } from './monitor-app-ids.js';
import { newQuestionId } from './question.js';
import { sendIfPossible } from './send-when-room.js';
import { encodeJson, statsQuestion, type StatsMessage } from './stats-protocol.js';
import { oldReport, type StatsReport } from './stats-report.js';
import { totalsOf } from './stats-totals.js';
import { requirePeriod, WATCH_DEFAULTS, type WatchOptions } from './watch-options.js';

/** How another endpoint's stats are asked for. */
export interface WatchStatsOptions extends WatchOptions {
  /** The most endpoints that a report may have, the busiest ones, from 1. Default: as many as the other side allows. */
  readonly maxEndpoints?: number;
  /** Whether the first report is to have the last hour, where the other side keeps it. Default: false. */
  readonly history?: boolean;
  /**
   * Reports have only endpoints with this text in their name, in capital letters or small ones, and no watchers; `found`
   * is how many there are, `totals` are still those of all. At most 128 characters. Default: all endpoints.
   */
  readonly find?: string;
}

/** So that a request stays below what the other side parses, however its characters are escaped. */
const MAX_FIND_CHARACTERS = 128;

/**
 * Watches another endpoint that called `serveStats`: emits a report on its communicator at once and every
 * `periodMs`, with the lifecycle events since the last report. Cold: subscribing asks, unsubscribing tells the other
 * side to stop. It waits while the endpoint is away, asks again when it comes back, and completes when our
 * communicator stops or the other side ends its service; `repeat({ delay: 5_000 })` asks again then.
 *
 * A report that gets old is emitted once more, without events, with the `status` that tells why: `silent` where the
 * next report is `timeoutMs` late, `away` when the endpoint goes, `ended` as the last one. The next report is `live`
 * again.
 *
 * Errors with CommError `TIMEOUT` where no answer comes, since the endpoint does not serve stats; `BAD_DATA` for an
 * answer that is no valid report, is above 16 MiB, or is nested deeper than 32 levels; or with the code of a
 * refusal: `REFUSED` where we may not watch, `NOT_READY` where too many do.
 *
 * @param periodMs - above 0; the other side may use a longer one
 * @throws CommError `BAD_CONFIG` where `periodMs` is not above 0, `maxEndpoints` is below 1, or `find` is too long
 *
 * @example
 * ```ts
 * watchStats(site, 'hub', 1_000).subscribe({
 *   next: ({ status, stats }) => console.log(status, stats.endpoints.length),
 *   error: (error: unknown) => console.error(error), // An error that nobody handles ends a Node process.
 * });
 * ```
 */
export function watchStats(
  communicator: Communicator,
  endpointName: string,
  periodMs: number,
  options?: WatchStatsOptions,
): Observable<StatsReport> {
  requirePeriod('watchStats', periodMs);
  const { maxEndpoints, history, find, ...settings } = {
    ...WATCH_DEFAULTS,
    appId: MonitorAppIds.STATS,
    ...options,
  };
  const { appId, timeoutMs, scheduler } = settings;
  if (maxEndpoints !== undefined && !(maxEndpoints >= 1))
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `watchStats: expected maxEndpoints from 1, got ${maxEndpoints}`,
    );
  if (find !== undefined && find.length > MAX_FIND_CHARACTERS)
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `watchStats: expected find of at most ${MAX_FIND_CHARACTERS} characters, got ${find.length}`,
    );
  const patience = (news: News): number =>
    ((typeof news === 'string' ? undefined : news.periodMs) ?? periodMs) + timeoutMs;
  const watch$ = defer(() => {
    const id = newQuestionId();
    const stop = encodeJson({ type: 'stop', id });
    const limit = maxEndpoints === undefined ? {} : { maxEndpoints };
    const hour = history === true ? { history } : {};
    const wanted = find === undefined ? {} : { find };
    const question = statsQuestion({ type: 'watch', id, periodMs, ...limit, ...hour, ...wanted });
    return ask(communicator, endpointName, question, settings).pipe(
      filter((answer) => answer.type !== 'echo' && answer.type !== 'described'),
      map((answer): News => (answer.type === 'ended' ? 'ended' : answer)),
      markSilence('silent' as const, patience, scheduler),
      finalize(() => sendIfPossible(communicator, endpointName, appId, stop)),
    );
  });
  return communicator.endpoint(endpointName).pipe(
    switchMap((endpoint) => (isReady(endpoint) ? watch$ : of<News>('away'))),
    distinctUntilChanged(),
    takeWhile((news) => news !== 'ended', true),
    scan(nextReport, undefined),
    filter((report) => report !== undefined),
  );
}

/** A report, or why there is none. */
type News = StatsMessage | 'silent' | 'away' | 'ended';

/** Before the first report nothing can be old. */
function nextReport(last: StatsReport | undefined, news: News): StatsReport | undefined {
  if (typeof news === 'string') return last && oldReport(last, news);
  const { stats, totals = totalsOf(stats), events, missedEvents, history, found } = news;
  const more = { ...(history && { history }), ...(found !== undefined && { found }) };
  return { status: 'live', stats, totals, events, missedEvents, ...more };
}
