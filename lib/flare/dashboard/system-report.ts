import {
  asyncScheduler,
  catchError,
  combineLatest,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  filter,
  map,
  NEVER,
  type Observable,
  of,
  repeat,
  scan,
  type SchedulerLike,
  shareReplay,
  startWith,
  switchMap,
  takeUntil,
  timer,
} from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import { messageOf } from '../../comm-error.js';
import { isPassing } from '../polled.js';
import type { Facts } from '../reported.js';
import type { FlareSession } from '../session.js';
import type { SessionState } from '../session-core.js';
import type { ClientInfo, SystemInfo } from '../system-info.js';
import { resourcesOf } from './resources-of.js';
import type { SiteReport, SystemReport } from './protocol.js';

/** Sites are heard of every 30 s. Source: `heart_beat` of `nvflare/private/fed/client/fed_client_base.py`. */
const SILENT_MS = 90_000;

/** How long after an answer sites are asked for their jobs again, and the server after a failure; how often silence is judged. */
const AGAIN_MS = 5_000;

/** Of sites that went. */
const MAX_GONE = 1_000;

/** What sites say of themselves; `null` where they could not be asked. */
interface SiteFacts {
  readonly jobs: ReadonlyMap<string, readonly string[]> | null;
  readonly resources: Readonly<Record<string, string>> | null;
  readonly versions: Readonly<Record<string, string>> | null;
}

const UNASKED: SiteFacts = { jobs: null, resources: null, versions: null };

/** What of a session these reports need. */
export type ReportingSession = Pick<
  FlareSession,
  | 'getClientJobStatus'
  | 'org'
  | 'project'
  | 'reportResources'
  | 'reportVersion'
  | 'role'
  | 'serverVersion'
  | 'state$'
  | 'study'
  | 'system$'
  | 'user'
  | 'warnings'
>;

/** What of a back end does not change. */
export type BackEnd = Pick<SystemReport, 'isReadOnly' | 'maxJobBytes'>;

/**
 * The federation as a whole: now, on each change, and every 5 s, since sites grow silent without one. A question that fails is
 * asked again, and what was known stays. Completes when the session has ended.
 */
export function systemReports(
  session: ReportingSession,
  backEnd: BackEnd,
  scheduler: SchedulerLike = asyncScheduler,
): Observable<SystemReport> {
  const ended$ = session.state$.pipe(filter(({ type }) => type === 'ended'));
  // Each says something at once, also of a session that has ended.
  const untilEnd = <T>(first: T, then$: Observable<T>): Observable<T> =>
    concat(of(first), then$.pipe(takeUntil(ended$)));
  const heard$ = session.system$.pipe(
    map((info): Partial<Heard> => ({ info, fault: null })),
    catchError((error: unknown) => of({ fault: messageOf(error) })),
    repeat({ delay: () => timer(AGAIN_MS, scheduler) }),
  );
  const known$ = untilEnd({}, heard$).pipe(
    scan((before, now) => ({ ...before, ...now, gone: goneOf(before, now) }), NOTHING),
    shareReplay({ bufferSize: 1, refCount: true }),
  );
  const sites$ = untilEnd(UNASKED, siteFacts(session, known$, scheduler));
  const tick$ = untilEnd(0, timer(AGAIN_MS, AGAIN_MS, scheduler));
  return combineLatest([session.state$, known$, sites$, tick$]).pipe(
    map(([state, { info, fault, gone }, facts]): SystemReport => {
      const at = scheduler.now();
      // The state says why a session has ended.
      const isFaulty = fault !== null && state.type !== 'ended';
      return {
        at,
        session: { state: state.type, text: endOf(state) },
        project: session.project,
        user: session.user,
        role: session.role ?? null,
        org: session.org ?? null,
        study: session.study,
        ...backEnd,
        warnings: [...session.warnings, ...(isFaulty ? [fault] : [])],
        server: info === null ? null : serverOf(session, info),
        sites: sitesOf(info, gone, facts, at),
      };
    }),
  );
}

/** What the server said last, and why it says nothing now. */
interface Heard {
  readonly info: SystemInfo | null;
  readonly fault: string | null;
}

interface Known extends Heard {
  readonly gone: ReadonlyMap<string, ClientInfo>;
}

const NOTHING: Known = { info: null, fault: null, gone: new Map() };

function goneOf({ info, gone }: Known, now: Partial<Heard>): Known['gone'] {
  if (now.info == null) return gone;
  const here = new Set(now.info.clients.map(({ name }) => name));
  const all = [...gone, ...(info?.clients ?? []).map((site) => [site.name, site] as const)];
  return new Map(all.filter(([name]) => !here.has(name)).slice(-MAX_GONE));
}

function endOf(state: SessionState): string | null {
  return state.type === 'ended' ? (state.error?.message ?? null) : null;
}

function serverOf({ serverVersion }: ReportingSession, { server }: SystemInfo): SystemReport['server'] {
  return {
    version: serverVersion,
    status: server.status,
    startTime: server.startTime?.getTime() ?? null,
  };
}

function sitesOf(
  info: SystemInfo | null,
  gone: Known['gone'],
  facts: SiteFacts,
  at: number,
): readonly SiteReport[] {
  const here = (info?.clients ?? []).map((site): SiteReport => {
    const lastSeen = site.lastConnectTime?.getTime() ?? null;
    const isSilent = lastSeen !== null && at - lastSeen > SILENT_MS;
    return { ...factsOf(site.name, facts), state: isSilent ? 'silent' : 'connected', lastSeen };
  });
  const away = [...gone.values()].map(({ name, lastConnectTime }): SiteReport => ({
    name,
    state: 'gone',
    lastSeen: lastConnectTime?.getTime() ?? null,
    jobs: null,
    resources: null,
    version: null,
  }));
  return [...here, ...away].sort((one, other) => one.name.localeCompare(other.name));
}

function factsOf(name: string, { jobs, resources, versions }: SiteFacts) {
  return {
    name,
    jobs: jobs?.get(name) ?? null,
    resources: resourcesOf(resources?.[name]),
    version: versions?.[name] ?? null,
  };
}

/** What sites say of their jobs, again and again; of what stays as it is, once for the same sites. */
function siteFacts(
  session: ReportingSession,
  known$: Observable<Known>,
  scheduler: SchedulerLike,
): Observable<SiteFacts> {
  const names$ = known$.pipe(map(namesOf), distinctUntilChanged());
  return names$.pipe(
    switchMap((names) => {
      if (names === '') return of(UNASKED);
      const jobs$ = session.getClientJobStatus().pipe(
        map(jobsBySite),
        catchError((error: unknown) => (isPassing(error) ? EMPTY : of(null))),
        // The server waits for a slow site for longer than the pause.
        repeat({ delay: () => timer(AGAIN_MS, scheduler) }),
        startWith(null),
        distinctUntilChanged((one, other) => formOf(one) === formOf(other)),
      );
      const once = <T>(question$: Observable<T>): Observable<T | null> =>
        concat(of(null), question$.pipe(catchError(() => of(null))), NEVER);
      return combineLatest({
        jobs: jobs$,
        resources: once(session.reportResources('client')),
        versions: once(session.reportVersion('client')),
      });
    }),
  );
}

function namesOf({ info }: Known): string {
  const names = (info?.clients ?? []).map(({ name }) => name);
  return names.sort().join('\n');
}

function formOf(jobs: SiteFacts['jobs']): string {
  return JSON.stringify(jobs === null ? null : [...jobs]);
}

const isStatus = isMatching({ client_name: P.string, job_id: P.optional(P.string) });

/** There is one entry for each job of a site, and one without a job for a site that has none. */
function jobsBySite(statuses: readonly Facts[]): ReadonlyMap<string, readonly string[]> {
  const bySite = new Map<string, string[]>();
  for (const status of statuses.filter(isStatus)) {
    const jobs = bySite.get(status.client_name) ?? [];
    if (status.job_id !== undefined) jobs.push(status.job_id);
    bySite.set(status.client_name, jobs);
  }
  return bySite;
}

/** Shared by all who look. */
export function sharedReports<T>(report$: Observable<T>): Observable<T> {
  return defer(() => report$).pipe(shareReplay({ bufferSize: 1, refCount: true }));
}
