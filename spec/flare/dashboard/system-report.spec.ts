import { concat, defer, map, NEVER, type Observable, of, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { type ReportingSession, systemReports } from '../../../lib/flare/dashboard/system-report.js';
import type { SystemReport } from '../../../lib/flare/dashboard/protocol.js';
import { FlareError, FlareStatus } from '../../../lib/flare/flare-error.js';
import type { SessionState } from '../../../lib/flare/session-core.js';
import type { SystemInfo } from '../../../lib/flare/system-info.js';
import { marbles } from '../../support/marbles.js';

/** Says for ever what it says now. */
const still = <T>(value: T): Observable<T> => concat(of(value), NEVER);

const INFO = {
  server: { status: 'started', startTime: new Date(0) },
  clients: [{ name: 'site-1', lastConnectTime: new Date(0) }],
  jobs: [],
} as unknown as SystemInfo;

const JOBS = [{ client_name: 'site-1', job_id: 'j' }];

function session(over: Partial<ReportingSession>): ReportingSession {
  return {
    project: 'p',
    user: 'u',
    role: undefined,
    org: undefined,
    study: 'default',
    warnings: [],
    serverVersion: '2.9.0',
    state$: still({ type: 'connected' }),
    system$: still(INFO),
    getClientJobStatus: () => of(JOBS),
    reportResources: () => of({}),
    reportVersion: () => of({}),
    ...over,
  };
}

/** What `pick` takes of the reports in virtual time: when it changes, and what to. */
function seen<T>(
  over: Partial<ReportingSession>,
  untilMs: number,
  pick: (report: SystemReport) => T,
): readonly (readonly [ms: number, T | 'completed'])[] {
  const all: (readonly [number, T | 'completed'])[] = [];
  marbles((scheduler, { flush }) => {
    const reporting = systemReports(
      session(over),
      { isReadOnly: false, maxJobBytes: null },
      scheduler,
    ).subscribe({
      next: (report) => {
        const picked = pick(report);
        if (JSON.stringify(picked) !== JSON.stringify(all.at(-1)?.[1])) all.push([report.at, picked]);
      },
      complete: () => all.push([scheduler.now(), 'completed']),
    });
    timer(untilMs, scheduler).subscribe(() => reporting.unsubscribe());
    flush();
  });
  return all;
}

const jobsIn = ({ sites: [site] }: SystemReport) => site?.jobs ?? null;
const stateIn = ({ sites: [site] }: SystemReport) => site?.state ?? null;
const shownIn = ({ server, sites, warnings }: SystemReport) => [server !== null, sites.length, warnings];

describe('reports on a federation', () => {
  it('have the jobs of sites that take longer to answer than the pause between questions', () => {
    let asked = 0;
    const getClientJobStatus = () => defer(() => ((asked += 1), timer(8_000).pipe(map(() => JOBS))));
    expect(seen({ getClientJobStatus }, 30_000, jobsIn)).toEqual([
      [0, null],
      [8_000, ['j']],
    ]);
    // Each is asked after a pause.
    expect(asked).toBe(3);
  });

  it('keep the jobs of sites while the server is away, and not where the user may not ask', () => {
    const failure = (status: FlareStatus) => {
      const answers = [of(JOBS), throwError(() => new FlareError(status, 'no'))];
      return { getClientJobStatus: () => defer(() => answers.shift() ?? NEVER) };
    };
    expect(seen(failure(FlareStatus.NO_CONNECTION), 20_000, jobsIn)).toEqual([[0, ['j']]]);
    expect(seen(failure(FlareStatus.NOT_AUTHORIZED), 20_000, jobsIn).at(-1)).toEqual([5_000, null]);
  });

  it.each([
    ['sites tell their jobs', of(JOBS)],
    ['the user may not ask for jobs', throwError(() => new FlareError(FlareStatus.NOT_AUTHORIZED, 'no'))],
  ])('show that a site has grown silent, where %s', (_, answer$) => {
    const states = seen({ getClientJobStatus: () => answer$ }, 100_000, stateIn);
    expect(states).toEqual([
      [0, 'connected'],
      [95_000, 'silent'],
    ]);
  });

  it('keep what is known over an answer that fails, and ask again', () => {
    const answers = [
      concat(
        timer(1_000).pipe(map(() => INFO)),
        throwError(() => new Error('one bad reply')),
      ),
    ];
    const system$ = defer(() => answers.shift() ?? still(INFO));
    expect(seen({ system$ }, 20_000, shownIn)).toEqual([
      [0, [false, 0, []]],
      [1_000, [true, 1, []]],
      [1_000, [true, 1, ['one bad reply']]],
      [6_000, [true, 1, []]],
    ]);
  });

  it('keep what is known when the session ends, say why once, and complete', () => {
    const error = new FlareError(FlareStatus.SESSION_ENDED, 'the server has closed this session');
    const end$ = timer(1_000);
    const state$ = concat(
      of<SessionState>({ type: 'connected' }),
      end$.pipe(map((): SessionState => ({ type: 'ended', error }))),
    );
    const system$ = concat(
      of(INFO),
      end$.pipe(
        map(() => {
          throw error;
        }),
      ),
    );
    const all = seen({ state$, system$ }, 20_000, (report) => [report.session.text, ...shownIn(report)]);
    expect(all.slice(-2)).toEqual([
      [1_000, ['the server has closed this session: connect a new session', true, 1, []]],
      [1_000, 'completed'],
    ]);
  });

  it('say that a session has ended to who asks later', () => {
    const all = seen(
      { state$: of<SessionState>({ type: 'ended' }) },
      1_000,
      (report) => report.session.state,
    );
    expect(all).toEqual([
      [0, 'ended'],
      [0, 'completed'],
    ]);
  });
});
