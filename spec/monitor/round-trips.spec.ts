import { catchError, map, of } from 'rxjs';
import { describe, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/index.js';
import { MonitorAppIds, roundTrips, serveStats, type ServeStatsOptions } from '../../lib/monitor/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

interface Case extends ServeStatsOptions {
  /** When the site is at the hub, as marbles of `VirtualNetwork.join`. */
  readonly joins?: string;
  /** The state of the link, as marbles of `VirtualNetwork.link`. */
  readonly link?: string;
}

/** The round trips from a site to a hub that is 1 ms away, a question every 5 ms, 10 ms of patience. */
function expectTrips(expected: string, { joins = 'j', link = 'u', ...options }: Case = {}): void {
  marbles((scheduler, { expectObservable }) => {
    const network = new VirtualNetwork(scheduler, { latencyMs: 1 });
    const [hub, site] = [network.communicator('hub'), network.communicator('site-1')];
    serveStats(hub, options);
    network.join('site-1', 'hub', joins);
    network.link('site-1', 'hub', link);
    const trip$ = roundTrips(site, 'hub', 5, { timeoutMs: 10, scheduler }).pipe(map(() => 't'));
    const code$ = trip$.pipe(catchError((error: unknown) => of(CommError.from(error).code)));
    expectObservable(code$, '^ 29ms !').toBe(expected, { t: 't', x: CommErrorCode.TIMEOUT });
  });
}

describe('roundTrips', () => {
  it('measures at once, and every period from then on', () =>
    expectTrips('4ms t 4ms t 4ms t 4ms t 4ms t 4ms t'));

  it('waits while the other side is away', () => expectTrips('14ms t 4ms t', { joins: '10ms j 12ms l' }));

  it('asks the next question when the last one is answered', () =>
    expectTrips('4ms t 11ms t 2ms t 4ms t 4ms t', { link: 'u 5ms s 8ms u' }));

  it('errors with TIMEOUT where no answer comes: the link stalls, or we may not watch', () => {
    expectTrips('4ms t 12ms (x|)', { link: 'u 4ms s' });
    expectTrips('12ms (x|)', { allow: () => false });
    expectTrips('12ms (x|)', { appId: 77 });
  });

  it('asks under the app ID of the service', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const [hub, site] = [network.communicator('hub'), network.communicator('site-1')];
      network.join('site-1', 'hub', 'j');
      const question$ = hub.messages(MonitorAppIds.STATS).pipe(map(({ endpoint }) => endpoint.name));
      expectObservable(question$, '^ 5ms !').toBe('q', { q: 'site-1' });
      roundTrips(site, 'hub', 100, { timeoutMs: 1_000, scheduler }).subscribe({ error: () => undefined });
    });
  });

  it('measures milliseconds', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const [hub, site] = [network.communicator('hub'), network.communicator('site-1')];
      serveStats(hub);
      network.join('site-1', 'hub', 'j');
      const isTime$ = roundTrips(site, 'hub', 100, { scheduler }).pipe(map((ms) => ms >= 0 && ms < 60_000));
      expectObservable(isTime$, '^ 5ms !').toBe('t', { t: true });
    });
  });
});
