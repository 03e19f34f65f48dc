import { catchError, map, type Observable, of, switchMap, timer } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, CellError, type CellOptions, type Outcome } from '../../lib/cellnet/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** `site-1` and `site-2` at a server whose connection to `site-1` is drawn. Both sites take 50 ms to answer. */
function setUp(scheduler: TestScheduler, joins: string, options: CellOptions = {}) {
  const network = new VirtualNetwork(scheduler);
  network.join('site-1', 'server', joins);
  network.join('site-2', 'server', 'j');
  const cell = (name: string) =>
    new Cell(network.communicator(name), { requestTimeoutMs: 1_000, scheduler, ...options });
  for (const site of ['site-1', 'site-2'])
    cell(site).handle('c', 't', () => timer(50, scheduler).pipe(map(() => 'a reply')));
  return cell('server');
}

const later = <T>(request: Observable<T>) => timer(10).pipe(switchMap(() => request));
const codeOf = catchError((error: unknown) =>
  of(error instanceof CellError ? `${error.returnCode}: ${error.message}` : error),
);
const shown = ({ target, reply, error }: Outcome) =>
  `${target} ${error?.returnCode ?? (reply?.payload as string)}`;

describe('a request to a neighbour that disconnects', () => {
  it('fails at once, and those to others go on', () => {
    marbles((scheduler, { expectObservable }) => {
      const server = setUp(scheduler, 'j 29ms l');
      expectObservable(later(server.request('site-1', 'c', 't')).pipe(codeOf)).toBe('30ms (a|)', {
        a: 'comm_error: cell site-1: it disconnected before it replied',
      });
      const all$ = later(server.broadcast(['site-1', 'site-2'], 'c', 't')).pipe(map(shown));
      expectObservable(all$).toBe('30ms a 29ms (b|)', { a: 'site-1 comm_error', b: 'site-2 a reply' });
    });
  });

  it('waits for a neighbour that is back within the grace, and fails after it', () => {
    marbles((scheduler, { expectObservable }) => {
      const server = setUp(scheduler, 'j 29ms l 9ms j', { reconnectGraceMs: 15 });
      const reply$ = later(server.request('site-1', 'c', 't')).pipe(
        map(({ payload }) => payload),
        codeOf,
      );
      expectObservable(reply$).toBe('60ms (a|)', { a: 'a reply' });
    });
    marbles((scheduler, { expectObservable }) => {
      const server = setUp(scheduler, 'j 29ms l 29ms j', { reconnectGraceMs: 15 });
      expectObservable(later(server.request('site-1', 'c', 't')).pipe(codeOf)).toBe('45ms (a|)', {
        a: 'comm_error: cell site-1: it disconnected before it replied',
      });
    });
  });

  it('is settled once: a reply that comes before counts', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const server = setUp(scheduler, 'j 69ms l');
      const reply$ = later(server.request('site-1', 'c', 't')).pipe(map(({ payload }) => payload));
      expectObservable(reply$).toBe('60ms (a|)', { a: 'a reply' });
      flush();
      expect(server.stats.lateReplies).toBe(0);
    });
  });
});
