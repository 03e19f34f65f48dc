import {
  catchError,
  endWith,
  ignoreElements,
  map,
  mergeMap,
  type Observable,
  of,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { ANY, Cell, CellError, ReturnCode, type StreamOptions } from '../../lib/cellnet/index.js';
import { CommError } from '../../lib/comm-error.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';
import { pattern } from '../support/pattern.js';

/** Small, so that little is much: chunks of 10 bytes, which count as 256, and 40 bytes of them on the way. */
const SMALL: StreamOptions = {
  chunkBytes: 10,
  windowBytes: 40,
  maxUnreadBytes: 2_560,
  maxHeldBytes: 25_600,
};

/** `site-1` and `site-2` with the server between them. */
function setUp(scheduler: TestScheduler, options: StreamOptions = {}) {
  const network = new VirtualNetwork(scheduler);
  const cell = (name: string) =>
    new Cell(network.communicator(name), { scheduler, streams: { ...SMALL, ...options } });
  for (const site of ['site-1', 'site-2']) network.join(site, 'server', 'j');
  return { network, hub: cell('server'), one: cell('site-1'), two: cell('site-2') };
}

/** From frame 10 on, when all are READY. */
const later = <T>(stream: Observable<T>) => timer(10).pipe(switchMap(() => stream));
const codeOf = catchError((error: unknown) =>
  of(error instanceof CellError ? error.returnCode : error instanceof CommError ? error.code : String(error)),
);
const ended = <T>(stream: Observable<T>) => stream.pipe(ignoreElements(), endWith('end'), codeOf);

describe('a stream', () => {
  it.each([0, 1, 9, 10, 11, 40, 41, 95])(
    'of %i bytes arrives as it was sent, in pieces of any size',
    (size) => {
      marbles((scheduler, { expectObservable, flush }) => {
        const { one, two } = setUp(scheduler);
        const bytes = pattern(size);
        const pieces = [
          bytes.subarray(0, 3),
          bytes.subarray(3, 3),
          bytes.subarray(3, 50),
          bytes.subarray(50),
        ];
        const got: unknown[] = [];
        two
          .streams('c', ANY)
          .pipe(mergeMap(({ bytes$, topic, size }) => bytes$.pipe(map((all) => [topic, size, all]))))
          .subscribe((all) => got.push(all));
        expectObservable(ended(later(one.sendStream('site-2', 'c', 'whole', bytes)))).toBe('10ms (a|)', {
          a: 'end',
        });
        expectObservable(ended(later(one.sendStream('site-2', 'c', 'array', pieces)))).toBe('10ms (a|)', {
          a: 'end',
        });
        expectObservable(ended(later(one.sendStream('site-2', 'c', 'observable', of(...pieces))))).toBe(
          '10ms (a|)',
          { a: 'end' },
        );
        flush();
        expect(got).toEqual([
          ['whole', size === 0 ? undefined : size, bytes],
          ['array', undefined, bytes],
          ['observable', undefined, bytes],
        ]);
      });
    },
  );

  it('that nobody reads is given up in time, also where it would send again later', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler, { ackTimeoutMs: 100, retryMs: 1_500 });
      two.streams('c', 't').subscribe();
      const sent$ = later(one.sendStream('site-2', 'c', 't', pattern(200)));
      expectObservable(ended(sent$)).toBe('110ms (a|)', { a: ReturnCode.TIMEOUT });
    });
  });

  it('goes at the pace of its consumer: its source is asked for no more than the window', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two } = setUp(scheduler);
      let asked = 0;
      function* source() {
        for (; asked < 20; asked += 1) yield pattern(10);
      }
      const ahead: number[] = [];
      let consumed = 0;
      const consume$ = two.streams('c', 't').pipe(
        mergeMap((stream) =>
          stream.consume(() => {
            ahead.push(asked - consumed);
            return timer(100).pipe(tap(() => (consumed += 1)));
          }),
        ),
      );
      consume$.subscribe();
      const sent$ = later(one.sendStream('site-2', 'c', 't', source()));
      expectObservable(ended(sent$)).toBe('1510ms (a|)', { a: 'end' });
      flush();
      expect([consumed, Math.max(...ahead)]).toEqual([20, 5]);
    });
  });
});

describe('who takes a stream', () => {
  it.each<[string, string, string]>([
    ['c', 't', 'streams c t'],
    ['c', 'handled', 'handle c handled'],
    ['c', 'else', 'streams c *'],
    ['handled', 't', 'handle handled *'],
    ['else', 't', 'streams * *'],
    // Requests on this channel never are streams.
    ['task', 't', 'streams * *'],
  ])('of channel %s, topic %s is the nearest, and of two alike that of streams', (channel, topic, taker) => {
    marbles((scheduler, { flush }) => {
      const { one, two } = setUp(scheduler);
      const takers: string[] = [];
      for (const place of [
        ['c', 't'],
        ['c', ANY],
        [ANY, ANY],
      ] as const)
        two.streams(place[0], place[1]).subscribe(() => takers.push(`streams ${place.join(' ')}`));
      for (const place of [
        ['c', 't'],
        ['c', 'handled'],
        ['c', ANY],
        ['handled', ANY],
        ['task', ANY],
        [ANY, ANY],
      ] as const)
        two.handle(place[0], place[1], () => void takers.push(`handle ${place.join(' ')}`));
      later(one.sendStream('site-2', channel, topic, pattern(5))).subscribe();
      flush();
      expect(takers).toEqual([taker]);
    });
  });

  it('is the request where it is a reply, whoever takes all the rest', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      for (const place of [
        [ANY, ANY],
        ['return_only', 'c:t'],
      ] as const)
        one.streams(place[0], place[1]).subscribe();
      two.handle('c', 't', () => pattern(95));
      const reply$ = later(one.request('site-2', 'c', 't', 1, { stream: true }));
      expectObservable(reply$.pipe(map(({ payload }) => payload))).toBe('10ms (a|)', { a: pattern(95) });
    });
  });
});
