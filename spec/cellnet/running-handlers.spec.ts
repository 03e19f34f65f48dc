import { finalize, NEVER, Observable, Subject, timer } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it, vi } from 'vitest';

import { Cell, type CellOptions } from '../../lib/cellnet/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** `site-1` asks a server as soon as it may, over a connection that is drawn. `ended` has when its handler was let go. */
function setUp(scheduler: TestScheduler, joins: string, options: CellOptions = {}) {
  const network = new VirtualNetwork(scheduler);
  network.join('site-1', 'server', joins);
  const cell = (name: string) =>
    new Cell(network.communicator(name), { requestTimeoutMs: 10_000, scheduler, ...options });
  const [server, site] = [cell('server'), cell('site-1')];
  const ended: number[] = [];
  const working = <T>(work$: Observable<T>) => work$.pipe(finalize(() => ended.push(scheduler.now())));
  server.handle('c', 't', () => working(NEVER));
  return { server, site, ended, working };
}

const later = (scheduler: TestScheduler, work: () => unknown) =>
  timer(10, scheduler).subscribe(() => void work());
const streams = { idleTimeoutMs: 100, ackTimeoutMs: 100, retryMs: 50 };

describe('the handler of a request', () => {
  it('that throws when it is unsubscribed keeps no other one, and nothing else, from its end', () => {
    marbles((scheduler, { flush }) => {
      const { server, site, ended } = setUp(scheduler, 'j');
      const bad = new Observable<never>(() => () => {
        throw new Error('bad teardown');
      });
      server.handle('c', 'bad', () => bad);
      const isOver = vi.fn();
      server.handlerErrors$.subscribe({ complete: isOver });
      later(scheduler, () => {
        for (const topic of ['bad', 't'])
          for (const stream of [false, true])
            site.request('server', 'c', topic, 1, { stream }).subscribe({ error: () => undefined });
      });
      timer(20, scheduler).subscribe(() => void server.communicator.stop());
      flush();
      expect(ended).toEqual([20, 20]);
      expect(isOver).toHaveBeenCalledOnce();
    });
  });

  it.each<[string, string, CellOptions, boolean, number]>([
    ['its neighbour disconnects', 'j 29ms l', {}, false, 30],
    ['its neighbour is not back in time', 'j 29ms l 29ms j', { reconnectGraceMs: 15 }, false, 45],
    ['it came as a stream, and its neighbour is gone for long', 'j 29ms l', { streams }, true, 130],
  ])('is unsubscribed where %s', (_what, joins, options, stream, at) => {
    marbles((scheduler, { flush }) => {
      const { site, ended } = setUp(scheduler, joins, options);
      later(scheduler, () =>
        site.request('server', 'c', 't', 1, { stream }).subscribe({ error: () => undefined }),
      );
      flush();
      expect(ended).toEqual([at]);
    });
  });

  it.each<[string, CellOptions, boolean]>([
    ['within the grace', { reconnectGraceMs: 15 }, false],
    ['and it came as a stream', { streams }, true],
  ])('goes on where its neighbour is back, %s', (_what, options, stream) => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { server, site, ended, working } = setUp(scheduler, 'j 29ms l 9ms j', options);
      server.handle('c', 'slow', () => working(timer(50, scheduler)));
      const replies = new Subject<unknown>();
      later(scheduler, () =>
        site.request('server', 'c', 'slow', 1, { stream }).subscribe(({ payload }) => replies.next(payload)),
      );
      expectObservable(replies).toBe('60ms a', { a: 0 });
      flush();
      expect(ended).toEqual([60]);
    });
  });

  it('goes on where nobody ever waited for a reply', () => {
    marbles((scheduler, { flush }) => {
      const { server, site, ended, working } = setUp(scheduler, 'j 29ms l');
      server.handle('c', 'told', () => working(timer(50, scheduler)));
      later(scheduler, () => site.fire('server', 'c', 'told'));
      flush();
      expect(ended).toEqual([60]);
    });
  });

  it.each([false, true])(
    'is unsubscribed where the cell that asked says goodbye, as a stream: %s',
    (stream) => {
      marbles((scheduler, { flush }) => {
        const { site, ended } = setUp(scheduler, 'j');
        later(scheduler, () => {
          site.request('server', 'c', 't', 1, { stream }).subscribe({ error: () => undefined });
          void site.fire('server', 'cellnet.channel', 'bye');
        });
        flush();
        expect(ended).toEqual([10]);
      });
    },
  );

  it.each<[string, (site: Cell) => unknown]>([
    ['request', (site) => site.request('server', 'c', 't', 1).subscribe({ error: () => undefined })],
    [
      'stream',
      (site) => site.request('server', 'c', 't', 1, { stream: true }).subscribe({ error: () => undefined }),
    ],
    ['message that expects no reply', (site) => site.fire('server', 'c', 't')],
  ])('is unsubscribed where its own cell ends, of a %s', (_what, ask) => {
    marbles((scheduler, { flush }) => {
      const { server, site, ended } = setUp(scheduler, 'j');
      later(scheduler, () => ask(site));
      timer(20, scheduler).subscribe(() => void server.communicator.stop());
      flush();
      expect(ended).toEqual([20]);
    });
  });
});
