import {
  catchError,
  ignoreElements,
  map,
  mergeMap,
  type Observable,
  of,
  switchMap,
  tap,
  throwError,
  timer,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, CellError, ReturnCode, type StreamOptions } from '../../lib/cellnet/index.js';
import { OutboundStreams } from '../../lib/cellnet/outbound-streams.js';
import { PeerDialects } from '../../lib/cellnet/peer-dialects.js';
import { PendingRequests } from '../../lib/cellnet/pending-requests.js';
import { STREAM_DEFAULTS } from '../../lib/cellnet/stream-options.js';
import { askByStreams } from '../../lib/cellnet/stream-requests.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
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
    ['returns what has no form on the wire', () => Symbol('no value'), ReturnCode.PROCESS_EXCEPTION],
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

  it('fails for each cell whose neighbour goes while its queue is full', () => {
    marbles((scheduler, { expectObservable }) => {
      const pending = new PendingRequests(scheduler);
      const outbound = new OutboundStreams('site-1', STREAM_DEFAULTS, new PeerDialects(), scheduler, {
        mark: '',
        send: () => false,
        drained: () => throwError(() => new CommError(CommErrorCode.CLOSED, 'site-2 has gone')),
      });
      const request = { id: 'id', channel: 'c', topic: 't', headers: {}, optional: false, timeoutMs: 100 };
      const targets = new Set(['site-2', 'site-3']);
      const outcomes$ = askByStreams(
        { ...request, targets, pulls: true, messageTo: () => ({ payload: pattern(10) }) },
        pending,
        outbound,
      );
      const codes$ = outcomes$.pipe(map(({ target, error }) => [target, error?.returnCode]));
      expectObservable(codes$).toBe('(ab|)', {
        a: ['site-2', ReturnCode.COMM_ERROR],
        b: ['site-3', ReturnCode.COMM_ERROR],
      });
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

  it.each<[string, StreamOptions, number[]]>([
    ['too many', { maxRepliesPerNeighbour: 3 }, [10, 10, 10, -1]],
    ['too large', { maxReplyBytesPerNeighbour: 25 }, [10, 10, -1, -1]],
    ['one, and larger than all may be', { maxReplyBytesPerNeighbour: 5 }, [10, -1, -1, -1]],
    ['too many, with those of others', { maxReplies: 3 }, [10, 10, 10, -1]],
    ['too large, with those of others', { maxReplyBytes: 25 }, [10, 10, -1, -1]],
  ])(
    'is refused where the replies that its neighbour does not acknowledge are %s',
    (_name, limits, sizes) => {
      marbles((scheduler, { flush }) => {
        const network = new VirtualNetwork(scheduler);
        network.join('site-1', 'server', 'j');
        const streams = { ackTimeoutMs: 1_000, retryMs: 1_000, ...limits };
        const cell = new Cell(network.communicator('site-1'), { scheduler, streams });
        cell.handle('c', 't', () => pattern(10));
        const hub = network.communicator('server');
        const replies: unknown[] = [];
        hub.messages(1).subscribe(({ message: { headers = {}, payload } }) => {
          if (headers.sm__ch !== 'return_only' || headers.sm__sq !== 0) return;
          const isRefusal =
            headers.cn__return_code === ReturnCode.SERVICE_UNAVAILABLE && headers.sm__rs === false;
          replies.push(isRefusal ? -1 : payload?.length);
        });
        const ask = (id: number) =>
          hub.send('site-1', 1, {
            headers: {
              cn__msg_type: 'req',
              cn__origin: 'server',
              cn__destination: 'site-1',
              cn__channel: 'sm__STREAM',
              cn__topic: 'sm__DATA',
              cn__payload_encoding: 'bytes',
              sm__id: id,
              sm__dt: 2,
              sm__sq: 0,
              sm__ch: 'c',
              sm__tp: 't',
              sm__ri: `request ${id}`,
              sm__cs: 10,
              sm__rs: true,
            },
            payload: pattern(1),
          });
        for (const [at, id] of [10, 20, 30, 40].entries()) scheduler.schedule(() => ask(at), id);
        // All that waited are given up by then.
        scheduler.schedule(() => {
          expect(replies.splice(0)).toEqual(sizes);
          ask(4);
        }, 2_000);
        flush();
        expect(replies).toEqual([10]);
      });
    },
  );

  it.each<StreamOptions>([{ maxReplies: 1 }, { maxReplyBytesPerNeighbour: 10 }])(
    'is refused before its reply is encoded where there is no room for any: %j',
    (limits) => {
      marbles((scheduler, { flush }) => {
        // A reply waits to be acknowledged.
        const network = new VirtualNetwork(scheduler, { latencyMs: 20 });
        network.join('site-1', 'server', 'j');
        const streams = { ackTimeoutMs: 1_000, retryMs: 1_000, chunkBytes: 500, windowBytes: 500, ...limits };
        const site = new Cell(network.communicator('site-1'), { scheduler, streams });
        const hub = new Cell(network.communicator('server'), { requestTimeoutMs: 1_000, scheduler });
        const encoded: unknown[] = [];
        site.handle('c', 't', ({ payload }) => ({
          toFobs: () => {
            encoded.push(payload);
            return pattern(1_000);
          },
        }));
        const ask$ = (frame: number) =>
          timer(frame).pipe(
            switchMap(() => hub.request('site-1', 'c', 't', frame, { stream: true })),
            map(({ payload }) => (payload as Uint8Array).length),
            codeOf,
          );
        const ends: unknown[] = [];
        for (const frame of [100, 110]) ask$(frame).subscribe((end) => ends.push(end));
        flush();
        expect(encoded).toEqual([100]);
        expect(ends).toEqual([ReturnCode.SERVICE_UNAVAILABLE, 1_000]);
      });
    },
  );

  it.each(['x'.repeat(1_001), ['x'.repeat(1_001)]])(
    'is refused where its reply would repeat an ID of 1,001 characters',
    (id) => {
      marbles((scheduler, { expectObservable, flush }) => {
        const { one, hub } = setUp(scheduler);
        let handled = 0;
        let heard = 0;
        one.handle('c', 't', () => (handled += 1));
        hub.communicator.messages(1).subscribe(({ bytes }) => (heard += bytes));
        const options = { headers: { sm__ri: id }, confirmMs: 50 };
        const sent$ = later(hub.sendStream('site-1', 'c', 't', pattern(1), options));
        expectObservable(sent$.pipe(ignoreElements(), codeOf)).toBe('10ms (a|)', {
          a: ReturnCode.COMM_ERROR,
        });
        flush();
        expect(handled).toBe(0);
        expect(heard).toBeLessThan(1_500);
      });
    },
  );

  it('has the rest of its reply refused once it is given up', () => {
    marbles((scheduler, { flush }) => {
      const { one, two, hub } = setUp(scheduler);
      two.handle('c', 't', () => pattern(1_000));
      const asking = later(one.request('site-2', 'c', 't', 1, { stream: true })).subscribe();
      let chunks = 0;
      const refusals = new Set<unknown>();
      hub.communicator.messages(1).subscribe(({ message: { headers = {} } }) => {
        if (headers.cn__topic === 'sm__ERROR') refusals.add(headers.sm__em);
        if (headers.sm__ch !== 'return_only' || headers.sm__dt !== 1) return;
        chunks += 1;
        if (chunks === 10) asking.unsubscribe();
      });
      flush();
      expect([...refusals]).toEqual(['nobody waits for the reply']);
      // The window, and one chunk more, may have been on their way.
      expect(chunks).toBeLessThanOrEqual(15);
      expect(one.stats.lateReplies).toBe(1);
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
