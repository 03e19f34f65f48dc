import {
  catchError,
  delay,
  EMPTY,
  ignoreElements,
  map,
  NEVER,
  type Observable,
  of,
  switchMap,
  takeUntil,
  timer,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it, vi } from 'vitest';

import { Cell, CellError, type CellOptions, type Outcome } from '../../lib/cellnet/index.js';
import { PyObject, RemoteItem } from '../../lib/fobs/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** `site-1` and `site-2` at a server whose connection to `site-1` is drawn. Both sites take 50 ms to answer. */
function setUp(scheduler: TestScheduler, joins: string, options: CellOptions = {}) {
  const network = new VirtualNetwork(scheduler);
  network.join('site-1', 'server', joins);
  network.join('site-2', 'server', 'j');
  const cell = (name: string) =>
    new Cell(network.communicator(name), { requestTimeoutMs: 1_000, scheduler, ...options });
  for (const site of ['site-1', 'site-2']) handling(cell(site), scheduler);
  return cell('server');
}

function handling(site: Cell, scheduler: TestScheduler): void {
  site.handle('c', 't', () => timer(50, scheduler).pipe(map(() => 'a reply')));
  site.handle('c', 'silent', () => NEVER);
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

  it('has the whole grace again where that was back meanwhile', () => {
    marbles((scheduler, { expectObservable }) => {
      const server = setUp(scheduler, 'j 29ms l 4ms j 4ms l', { reconnectGraceMs: 15 });
      expectObservable(later(server.request('site-1', 'c', 'silent')).pipe(codeOf)).toBe('55ms (a|)', {
        a: 'comm_error: cell site-1: it disconnected before it replied',
      });
    });
  });

  it('fails where our own communicator stops, however long the grace is', () => {
    marbles((scheduler, { expectObservable }) => {
      const server = setUp(scheduler, 'j', { reconnectGraceMs: 10_000 });
      expectObservable(later(server.request('site-1', 'c', 'silent')).pipe(codeOf)).toBe('30ms (a|)', {
        a: 'comm_error: cell site-1: our own cell is closed',
      });
      timer(30, scheduler).subscribe(() => void server.communicator.stop());
    });
  });

  it('fails where it is a stream that is not reliable, as such a stream does, and no reliable one', () => {
    marbles((scheduler, { expectObservable }) => {
      const server = setUp(scheduler, 'j 29ms l', { streams: { ackTimeoutMs: 100, retryMs: 10 } });
      const ends$ = (reliable: boolean) =>
        later(server.sendStream('site-1', 'c', 'stream', NEVER, { reliable })).pipe(ignoreElements(), codeOf);
      const text = 'comm_error: stream to site-1: the target disconnected';
      expectObservable(ends$(false), '^ 200ms !').toBe('30ms (a|)', { a: text });
      expectObservable(ends$(true), '^ 200ms !').toBe('');
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

describe('a pull that waits to ask again', () => {
  it('fails as soon as our own communicator stops', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      const server = new Cell(network.communicator('server'), {
        scheduler,
        references: { stepTimeoutMs: 10 },
      });
      const pulled$ = later(server.pull({ fqcn: 'site-1', refId: 'reference', dot: 3 }));
      expectObservable(pulled$.pipe(codeOf)).toBe('100ms (a|)', {
        a: expect.stringContaining('cell site-1: our own cell is closed') as string,
      });
      timer(100, scheduler).subscribe(() => void server.communicator.stop());
    });
  });
});

describe('the arrays of a request that are being pulled', () => {
  it('are given up where our own communicator stops, which is no failure of a handler', () => {
    marbles((scheduler, { flush }) => {
      const network = new VirtualNetwork(scheduler, { latencyMs: 20 });
      network.join('site-1', 'server', 'j');
      const [server, site] = ['server', 'site-1'].map(
        (name) => new Cell(network.communicator(name), { scheduler }),
      );
      const handled = vi.fn();
      const failed = vi.fn();
      server?.handle('c', 't', handled);
      server?.handlerErrors$.subscribe(failed);
      const placeholder = new PyObject('numpy.ndarray', { type: 'ref', data: 'T0' }, 'x.Y');
      const array = new RemoteItem({ fqcn: 'site-1', refId: 'r', dot: 3 }, 'T0', placeholder);
      timer(100, scheduler)
        .pipe(
          switchMap(() => site?.request('server', 'c', 't', array) ?? EMPTY),
          codeOf,
        )
        .subscribe();
      timer(130, scheduler).subscribe(() => void server?.communicator.stop());
      flush();
      expect([handled, failed].map(({ mock }) => mock.calls)).toEqual([[], []]);
    });
  });
});

describe('a stream of a neighbour that disconnects', () => {
  it.each([
    [false, '30ms #'],
    [true, '30ms -'],
  ])('fails at once, unless it is reliable: %s', (reliable, expected) => {
    marbles((scheduler, { expectObservable, cold }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j 29ms l');
      const streams = { chunkBytes: 10 };
      const cell = (name: string) => new Cell(network.communicator(name), { scheduler, streams });
      const [server, site] = [cell('server'), cell('site-1')];
      const source$ = cold('a', { a: new Uint8Array(25) });
      const sent$ = later(site.sendStream('server', 'c', 't', source$, { reliable }));
      sent$.pipe(codeOf, takeUntil(timer(40))).subscribe();
      const bytes$ = server.streams('c', 't').pipe(
        switchMap(({ bytes$ }) => bytes$),
        catchError(() => {
          throw new Error('error');
        }),
      );
      expectObservable(bytes$, '^ 40ms !').toBe(expected, {}, new Error('error'));
    });
  });

  it.each([false, true])('is not lost where all of it has come, though it is read later: %s', (reliable) => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j 29ms l');
      const streams = { chunkBytes: 10 };
      const cell = (name: string) => new Cell(network.communicator(name), { scheduler, streams });
      const [server, site] = [cell('server'), cell('site-1')];
      later(site.sendStream('server', 'c', 't', [new Uint8Array(25)], { reliable })).subscribe();
      const size$ = server.streams('c', 't').pipe(
        delay(50),
        switchMap(({ bytes$ }) => bytes$),
        map(({ length }) => length),
        codeOf,
      );
      expectObservable(size$, '^ 99ms !').toBe('60ms a', { a: 25 });
    });
  });
});

describe('a request that a cell on the way sends back', () => {
  it('tells which cell could not pass it on', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      const cell = (name: string) => new Cell(network.communicator(name), { scheduler });
      cell('server');
      expectObservable(later(cell('site-1').request('site-9', 'c', 't')).pipe(codeOf)).toBe('10ms (a|)', {
        a: 'comm_error: cell site-9: server on the way to it answered comm_error, "cannot forward"',
      });
    });
  });
});
