import { catchError, map, mergeMap, type Observable, of, switchMap, tap, timer } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, CellError, ReturnCode } from '../../lib/cellnet/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';
import { pattern } from '../support/pattern.js';

/** `site-1` and `site-2` with the server between them, and chunks of 10 bytes. */
function setUp(scheduler: TestScheduler) {
  const network = new VirtualNetwork(scheduler);
  const streams = { chunkBytes: 10, windowBytes: 40 };
  const cell = (name: string) =>
    new Cell(network.communicator(name), { requestTimeoutMs: 100, scheduler, streams });
  for (const site of ['site-1', 'site-2']) network.join(site, 'server', 'j');
  return { hub: cell('server'), one: cell('site-1'), two: cell('site-2') };
}

/** From frame 10 on, when all are READY. */
const later = <T>(stream: Observable<T>) => timer(10).pipe(switchMap(() => stream));
const codeOf = catchError((error: unknown) => of(error instanceof CellError ? error.returnCode : error));

describe('a request that is a stream', () => {
  it.each([
    ['bytes', pattern(95)],
    ['a value', { a: [1, 'two', null] }],
    ['nothing', undefined],
  ])('is answered as any other: %s', (_name, value) => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      two.handle('c', 'echo', ({ payload }) => payload);
      const reply$ = later(one.request('site-2', 'c', 'echo', value, { stream: true }));
      expectObservable(reply$.pipe(map(({ payload }) => payload))).toBe('10ms (a|)', { a: value });
    });
  });

  it('is one by itself where the payload is larger than a chunk, and the channel is not for messages alone', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      for (const channel of ['c', 'task'])
        two.handle(channel, 't', ({ headers }) => headers.sm__ri !== undefined);
      const isStream = (channel: string, size: number) =>
        later(one.request('site-2', channel, 't', pattern(size))).pipe(map(({ payload }) => payload));
      expectObservable(isStream('c', 10)).toBe('10ms (a|)', { a: false });
      expectObservable(isStream('c', 11)).toBe('10ms (a|)', { a: true });
      expectObservable(isStream('task', 11)).toBe('10ms (a|)', { a: false });
    });
  });

  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('a secret');
      },
      ReturnCode.PROCESS_EXCEPTION,
    ],
    [
      'chooses a code',
      () => {
        throw new CellError(ReturnCode.INVALID_SESSION);
      },
      ReturnCode.INVALID_SESSION,
    ],
  ])('fails where its handler %s', (_name, handler, code) => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      two.handle('c', 't', handler as never);
      const request$ = later(one.request('site-2', 'c', 't', 1, { stream: true }));
      expectObservable(request$.pipe(codeOf)).toBe('10ms (a|)', { a: code });
    });
  });

  it('fails at once where nobody handles it, and with a time-out where nothing moves', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two } = setUp(scheduler);
      two.requests('c', 'silent').subscribe();
      const code$ = (topic: string) =>
        later(one.request('site-2', 'c', topic, 1, { stream: true })).pipe(codeOf);
      expectObservable(code$('nobody handles')).toBe('10ms (a|)', { a: ReturnCode.COMM_ERROR });
      expectObservable(code$('silent')).toBe('110ms (a|)', { a: ReturnCode.TIMEOUT });
      flush();
      expect(one.stats.lateReplies).toBe(0);
    });
  });

  it('times out anew whenever something moves', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      // A chunk takes 80 ms of a time-out of 100. The fifth acknowledgement, at 410 ms, lets the last chunk go.
      two
        .streams('c', 'slow')
        .pipe(mergeMap((stream) => stream.consume(() => timer(80))))
        .subscribe();
      const request$ = later(one.request('site-2', 'c', 'slow', pattern(95), { stream: true }));
      expectObservable(request$.pipe(codeOf)).toBe('510ms (a|)', { a: ReturnCode.TIMEOUT });
    });
  });

  it('has a late reply refused, and one of another cell than the one that was asked', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two, hub } = setUp(scheduler);
      const forged$ = two.requests('c', 't').pipe(
        tap((request) => scheduler.schedule(() => request.reply('late'), 150)),
        mergeMap(({ headers }) => {
          const forged = { headers: { sm__ri: headers.sm__ri } };
          return hub.sendStream('site-1', 'return_only', 'c:t', pattern(5), forged).pipe(codeOf);
        }),
      );
      forged$.subscribe();
      const request$ = later(one.request('site-2', 'c', 't', 1, { stream: true }));
      expectObservable(request$.pipe(codeOf)).toBe('110ms (a|)', { a: ReturnCode.TIMEOUT });
      flush();
      expect(one.stats.lateReplies).toBe(2);
    });
  });
});
