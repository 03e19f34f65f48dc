import { catchError, delay, map, mergeMap, type Observable, of, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { type Cell, CellError, ReturnCode } from '../../lib/cellnet/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** What comes of a request: the payload of its reply, or the return code. */
const outcome = (cell: Cell, target: string): Observable<unknown> =>
  cell.request(target, 'training', 'progress').pipe(
    map(({ payload }) => payload),
    catchError((error: unknown) => of(error instanceof CellError ? error.returnCode : error)),
  );

const answerAfter = (cell: Cell, ms: number) =>
  cell.handle('training', 'progress', () => of('done').pipe(delay(ms)));

describe('the cells of a network', () => {
  it('answer along the ways that are drawn, each step after the latency', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { latencyMs: 1 });
      network.join('site-1', 'server', 'j');
      network.join('site-2', 'server', 'j');
      network.cell('server');
      answerAfter(network.cell('site-2'), 3);
      expectObservable(outcome(network.cell('site-1'), 'site-2'), '9ms ^').toBe('16ms (r|)', { r: 'done' });
    });
  });

  it('time out by the clock of the network, where no reply comes', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      answerAfter(network.cell('site-1'), 60);
      const asked$ = outcome(network.cell('server', { requestTimeoutMs: 50 }), 'site-1');
      expectObservable(asked$, '9ms ^').toBe('59ms (r|)', { r: ReturnCode.TIMEOUT });
    });
  });

  it('lose a reply on a link that loses', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      network.link('site-1', 'server', '15ms x 9ms u');
      answerAfter(network.cell('site-1'), 10);
      const asked$ = outcome(network.cell('server', { requestTimeoutMs: 50 }), 'site-1');
      expectObservable(asked$, '9ms ^').toBe('59ms (r|)', { r: ReturnCode.TIMEOUT });
      expectObservable(asked$, '30ms ^').toBe('40ms (r|)', { r: 'done' });
    });
  });

  it('learn of a relay that dies: at once where it was next, by the time-out behind it', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      network.join('site-2', 'server', 'j');
      for (const site of ['site-1', 'site-2']) network.link(site, 'server', '20ms d');
      answerAfter(network.cell('server'), 30);
      answerAfter(network.cell('site-2'), 30);
      const cell = network.cell('site-1', { requestTimeoutMs: 50 });
      expectObservable(outcome(cell, 'server'), '9ms ^').toBe('20ms (r|)', { r: ReturnCode.COMM_ERROR });
      expectObservable(outcome(cell, 'site-2'), '9ms ^').toBe('59ms (r|)', { r: ReturnCode.TIMEOUT });
      expectObservable(outcome(cell, 'site-2'), '25ms ^').toBe('25ms (r|)', {
        r: ReturnCode.TARGET_UNREACHABLE,
      });
    });
  });

  it('are as many as names, and each has its options from the start', () => {
    marbles((scheduler) => {
      const network = new VirtualNetwork(scheduler);
      const cell = network.cell('site-1', { requestTimeoutMs: 50 });
      expect(network.cell('site-1')).toBe(cell);
      expect(cell.communicator).toBe(network.communicator('site-1'));
      expect(() => network.cell('site-1', {})).toThrow(
        expect.objectContaining({ code: 'BAD_CONFIG' }) as Error,
      );
    });
  });

  it('stand still when the network does', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { endMs: 100 });
      network.join('site-1', 'server', 'j');
      network.cell('site-1').handle('training', 'progress', () => new Promise(() => undefined));
      const asked$ = timer(9).pipe(mergeMap(() => outcome(network.cell('server'), 'site-1')));
      expectObservable(asked$).toBe('');
    });
  });
});
