import {
  combineLatest,
  endWith,
  filter,
  from,
  ignoreElements,
  lastValueFrom,
  map,
  merge,
  type Observable,
  repeat,
  scan,
  share,
  switchMap,
  take,
  takeUntil,
  takeWhile,
  tap,
  timer,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { Endpoint, isReady } from '../endpoint.js';
import { Communicator } from '../index.js';
import type { StatsReport } from '../monitor/stats-report.js';
import { watchStats } from '../monitor/watch-stats.js';
import { Mode } from '../transport/driver.js';
import { publicUrl } from '../transport/url.js';
import { WATCHER_PROPERTIES } from '../watcher.js';
import { endRequested } from './end-requested.js';
import { examine } from './examine.js';
import { narrate } from './narrate.js';
import { type Output, Printer } from './printer.js';
import { completeFromKit, type KitOptions } from './kit-options.js';
import { newName } from './reach.js';
import { draw, openScreen, quitPressed } from './screen.js';
import { asksForTls, tlsResources } from './tls-options.js';
import { renderTop, type TopView } from './top-lines.js';

/** The options of `rxflare top`. */
export interface TopOptions extends KitOptions {
  readonly period: number;
  readonly count: number;
  readonly timeout: number;
  readonly json: boolean;
}

const EVENTS = 100;

/** No screen has more rows. */
const MAX_ROWS = 200;

/** The time until a hub that has ended its service is asked again. */
const REPEAT_MS = 5_000;

/** `rxflare top`: the stats of a hub that serves them, on a screen or line by line. */
export async function topCommand(given: string | undefined, asked: TopOptions): Promise<void> {
  const { count, json } = asked;
  const printer = new Printer(json);
  const { url, options, identityMap } = completeFromKit(given, asked, printer);
  const local = new Endpoint(options.name ?? newName('top', options.cert), {
    ...WATCHER_PROPERTIES,
    ...options.property,
  });
  const site = new Communicator(local, { identityMap });
  site.addConnector(url, Mode.ACTIVE, asksForTls(options), tlsResources(options, 'client'));
  let left = count;
  const isOnScreen = process.stdout.isTTY && !json;
  const watched$ = (hubName: string) =>
    watchStats(site, hubName, options.period, {
      timeoutMs: options.timeout,
      ...(isOnScreen ? { maxEndpoints: MAX_ROWS } : {}),
    }).pipe(
      repeat({ delay: REPEAT_MS }),
      takeWhile(({ status }) => status !== 'live' || --left !== 0, true),
    );
  const shown$ = joined(site, options.timeout).pipe(
    switchMap((hub) => {
      if (hub === undefined)
        return from(site.stop()).pipe(
          switchMap(() => examine({ url, local, options, identityMap, error: twoAttempts(url) }, printer)),
        );
      return isOnScreen ? onScreen(watched$(hub.name)) : asLines(site, watched$(hub.name), printer);
    }),
  );
  const done = lastValueFrom(shown$.pipe(takeUntil(endRequested())), { defaultValue: undefined });
  try {
    await Promise.all([done, site.start()]);
  } finally {
    await site.stop();
  }
}

/** The hub once it is READY; `undefined` where the first attempt fails, or takes too long. */
function joined(site: Communicator, timeoutMs: number): Observable<Endpoint | undefined> {
  const hub$ = site.endpoints$.pipe(
    map((endpoints) => [...endpoints.values()].find(isReady)),
    filter((hub) => hub !== undefined),
  );
  const failed$ = site.lifecycle$.pipe(filter(({ type }) => type === 'retrying'));
  return merge(hub$, merge(failed$, timer(timeoutMs)).pipe(map(() => undefined))).pipe(take(1));
}

function twoAttempts(url: string): CommError {
  const detail = 'it took two attempts; try again, or raise --timeout';
  return new CommError(CommErrorCode.NOT_READY, `${publicUrl(url)}: ${detail}`);
}

/** Draws the screen after each report and each change of its size. */
function onScreen(report$: Observable<StatsReport>): Observable<unknown> {
  const view$ = report$.pipe(
    scan<StatsReport, TopView | undefined>(nextView, undefined),
    filter((view) => view !== undefined),
  );
  const shared$ = view$.pipe(share());
  const size$ = during(openScreen(), shared$);
  return combineLatest([size$, shared$]).pipe(
    tap(([size, view]) => draw(renderTop(view, size), size)),
    takeUntil(quitPressed()),
  );
}

/** An old report keeps the rates of the last live one. */
function nextView(last: TopView | undefined, report: StatsReport): TopView {
  const { status, stats, totals, events } = report;
  if (last !== undefined && status !== 'live') return { ...last, status };
  return {
    status,
    stats,
    totals,
    before: last && { stats: last.stats, totals: last.totals },
    events: [...(last?.events ?? []), ...events].slice(-EVENTS),
  };
}

/** Prints the reports, and what happens to our own connection. */
function asLines(
  site: Communicator,
  report$: Observable<StatsReport>,
  printer: Printer,
): Observable<unknown> {
  const shared$ = report$.pipe(
    map((report): Output => ({ event: 'stats', ...report })),
    share(),
  );
  return merge(during(narrate(site), shared$), shared$).pipe(tap((output) => printer.print(output)));
}

/** Mirrors `other$` until `main$` ends. */
function during<T>(other$: Observable<T>, main$: Observable<unknown>): Observable<T> {
  return other$.pipe(takeUntil(main$.pipe(ignoreElements(), endWith(undefined))));
}
