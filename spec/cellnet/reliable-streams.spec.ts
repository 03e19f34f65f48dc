import {
  asyncScheduler,
  catchError,
  endWith,
  from,
  ignoreElements,
  NEVER,
  type Observable,
  of,
  type SchedulerLike,
  Subject,
  throwError,
} from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Cell, CellError, ReturnCode } from '../../lib/cellnet/index.js';
import { OutboundStream, type OutboundParts } from '../../lib/cellnet/outbound-stream.js';
import { OutboundStreams } from '../../lib/cellnet/outbound-streams.js';
import { PeerDialects } from '../../lib/cellnet/peer-dialects.js';
import { STREAM_DEFAULTS } from '../../lib/cellnet/stream-options.js';
import { feedOf, type StreamSource } from '../../lib/cellnet/stream-source.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import type { MessageHeaders } from '../../lib/message.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';
import { pattern } from '../support/pattern.js';

const gone = () => new CommError(CommErrorCode.CLOSED, 'the neighbour has gone');

/** A stream of three chunks of 10 bytes, sent again after 100 ms, given up after 1 s; and when which chunk was sent. */
function setUp(scheduler: SchedulerLike, parts: Partial<OutboundParts> = {}) {
  const sent: unknown[] = [];
  const stream = new OutboundStream({
    target: 'site-2',
    headers: {},
    feed: feedOf(pattern(30)),
    size: 30,
    isReliable: true,
    acceptsAbort: () => true,
    confirmMs: 0,
    options: { ...STREAM_DEFAULTS, chunkBytes: 10, windowBytes: 40, retryMs: 100, ackTimeoutMs: 1_000 },
    scheduler,
    drained: () => new Subject(),
    ...parts,
    send: (headers, bytes) => {
      const isSent = parts.send?.(headers, bytes) ?? true;
      if (bytes !== undefined) sent.push([scheduler.now(), headers.sm__sq]);
      return isSent;
    },
  });
  return { stream, sent };
}

afterEach(() => void vi.useRealTimers());

const codeOf = (error: unknown) =>
  error instanceof CellError ? error.returnCode : error instanceof CommError ? error.code : String(error);
const ended = (stream: Observable<unknown>) =>
  stream.pipe(
    ignoreElements(),
    endWith('end'),
    catchError((error: unknown) => of(codeOf(error))),
  );

describe('a reliable stream', () => {
  it('sends again what is not acknowledged, and nothing else', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { stream, sent } = setUp(scheduler);
      scheduler.schedule(() => stream.acknowledge(10, 0), 50);
      scheduler.schedule(() => stream.acknowledge(20, 1), 150);
      scheduler.schedule(() => stream.acknowledge(30, 2), 250);
      expectObservable(ended(stream.run())).toBe('250ms (a|)', { a: 'end' });
      flush();
      expect(sent).toEqual([
        [0, 0],
        [0, 1],
        [0, 2],
        [100, 1],
        [100, 2],
      ]);
    });
  });

  it.each<[string, (stream: OutboundStream, atMs: number) => void]>([
    ['acknowledges nothing', () => undefined],
    ['acknowledges the same again and again', (stream) => stream.acknowledge(0, undefined)],
    ['acknowledges bytes and no chunk', (stream, atMs) => stream.acknowledge(atMs / 50, undefined)],
  ])(
    'is given up where the receiver %s, and sends each chunk again at growing intervals',
    (_name, answer) => {
      marbles((scheduler, { expectObservable, flush }) => {
        const { stream, sent } = setUp(scheduler);
        for (let atMs = 50; atMs < 1_500; atMs += 50) scheduler.schedule(() => answer(stream, atMs), atMs);
        expectObservable(ended(stream.run())).toBe('1000ms (a|)', { a: ReturnCode.TIMEOUT });
        flush();
        expect(sent).toEqual([0, 100, 300, 700].flatMap((atMs) => [0, 1, 2].map((chunk) => [atMs, chunk])));
      });
    },
  );

  it('is given up in time, though the wall clock is set', () => {
    vi.useFakeTimers();
    const { stream } = setUp(asyncScheduler);
    const ends: unknown[] = [];
    ended(stream.run()).subscribe((end) => ends.push(end));
    vi.setSystemTime(Date.now() + 86_400_000);
    vi.advanceTimersByTime(900);
    expect(ends).toEqual([]);
    vi.setSystemTime(Date.now() - 86_400_000);
    vi.advanceTimersByTime(100);
    expect(ends).toEqual([ReturnCode.TIMEOUT]);
  });

  it('is given up where no acknowledgement comes, counted from the last', () => {
    marbles((scheduler, { expectObservable }) => {
      const { stream } = setUp(scheduler);
      scheduler.schedule(() => stream.acknowledge(10, 0), 500);
      expectObservable(ended(stream.run())).toBe('1500ms (a|)', { a: ReturnCode.TIMEOUT });
    });
  });

  it('survives that its neighbour goes while the queue is full, and comes back', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      let isThere = true;
      const { stream, sent } = setUp(scheduler, {
        drained: () => throwError(() => gone()),
        send: () => {
          if (!isThere) throw gone();
          isThere = scheduler.now() > 0;
          return isThere;
        },
      });
      scheduler.schedule(() => (isThere = true), 250);
      scheduler.schedule(() => stream.acknowledge(30, 2), 350);
      expectObservable(ended(stream.run())).toBe('350ms (a|)', { a: 'end' });
      flush();
      expect(sent).toEqual([
        [0, 0],
        [300, 0],
        [300, 1],
        [300, 2],
      ]);
    });
  });

  it.each<[string, Partial<OutboundParts>, string]>([
    [
      'no chunk can be sent',
      {
        send: () => {
          throw gone();
        },
      },
      '(a|)',
    ],
    [
      'its neighbour goes, and it is not reliable',
      { isReliable: false, send: () => false, drained: () => throwError(() => gone()) },
      '(a|)',
    ],
  ])('fails where %s', (_name, parts, marble) => {
    marbles((scheduler, { expectObservable }) => {
      const { stream } = setUp(scheduler, parts);
      expectObservable(ended(stream.run())).toBe(marble, { a: CommErrorCode.CLOSED });
    });
  });

  it('is not acknowledged by another cell than its target', () => {
    marbles((scheduler, { flush }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      const streams = { ackTimeoutMs: 1_000, retryMs: 100 };
      const cell = new Cell(network.communicator('site-1'), { scheduler, streams });
      const hub = network.communicator('server');
      hub.messages(1).subscribe(({ message: { headers = {} } }) => {
        if (headers.cn__topic !== 'sm__DATA') return;
        const answer: MessageHeaders = {
          cn__msg_type: 'req',
          cn__origin: scheduler.now() < 300 ? 'site-3' : 'server',
          cn__destination: 'site-1',
          cn__channel: 'sm__STREAM',
          cn__topic: 'sm__ACK',
          sm__id: headers.sm__id,
          sm__dt: 3,
          sm__os: 10,
          sm__sq: 0,
        };
        hub.send('site-1', 1, { headers: answer });
      });
      const end: unknown[] = [];
      scheduler.schedule(() => {
        const end$ = ended(cell.sendStream('server', 'c', 't', pattern(10), { reliable: true }));
        end$.subscribe((is) => end.push([is, scheduler.now()]));
      }, 10);
      flush();
      expect(end).toEqual([['end', 310]]);
    });
  });
});

describe('a stream that is given up', () => {
  it.each([
    ['2.7', [6]],
    // No stream of NVFlare 2.4 to 2.6 would move any more.
    ['2.4', []],
  ] as const)('is aborted where the target speaks FOBS %s: %j', (fobs, expected) => {
    marbles((scheduler) => {
      const types: unknown[] = [];
      const dialects = new PeerDialects();
      dialects.learn('site-2', { fobs }, 'site-2');
      const outbound = new OutboundStreams('site-1', STREAM_DEFAULTS, dialects, scheduler, {
        mark: '',
        send: (_target, _bytes, { headers }) => types.push(headers?.sm__dt) > 0,
        drained: () => NEVER,
      });
      outbound.send('site-2', 'c', 't', NEVER).subscribe().unsubscribe();
      expect(types).toEqual(expected);
    });
  });
});

describe('a source', () => {
  const piece = pattern(16 * 1024 ** 2);
  const sixPieces = Array.from({ length: 6 }, () => piece);
  const options = { ...STREAM_DEFAULTS, chunkBytes: 5 * piece.length };
  const parts = { size: undefined, isReliable: false, options };

  it.each<[string, StreamSource]>([
    ['can be paused', sixPieces],
    ['cannot', from(sixPieces)],
  ])('that %s may have as much as one chunk takes, of more than 64 MiB', (_name, source) => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { stream, sent } = setUp(scheduler, { ...parts, feed: feedOf(source) });
      scheduler.schedule(() => stream.acknowledge(options.chunkBytes, undefined), 10);
      expectObservable(ended(stream.run())).toBe('10ms (a|)', { a: 'end' });
      flush();
      expect(sent).toEqual([
        [0, 0],
        [10, 1],
      ]);
    });
  });

  it('that cannot be paused may have 64 MiB, and one piece more, wait for the receiver', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const source = new Subject<Uint8Array>();
      const { stream } = setUp(scheduler, { ...parts, feed: feedOf(source) });
      expectObservable(ended(stream.run())).toBe('20ms (a|)', { a: CommErrorCode.NOT_READY });
      // The first chunk leaves, and 1 piece is left.
      scheduler.schedule(() => sixPieces.forEach((each) => source.next(each)), 10);
      scheduler.schedule(() => sixPieces.slice(1).forEach((each) => source.next(each)), 20);
      flush();
    });
  });
});

describe('the end of a stream that is not reliable', () => {
  const parts = { isReliable: false, confirmMs: 50 };

  it.each([
    [true, [6]],
    [false, []],
  ])(
    'aborts one that is given up in that time only where it is reliable (%s): %j',
    (isReliable, expected) => {
      marbles((scheduler, { flush }) => {
        const aborts: unknown[] = [];
        const { stream } = setUp(scheduler, {
          ...parts,
          isReliable,
          send: ({ sm__dt: type }, bytes) => {
            if (bytes === undefined) aborts.push(type);
            return true;
          },
        });
        const sending = stream.run().subscribe();
        scheduler.schedule(() => sending.unsubscribe(), 10);
        flush();
        expect(aborts).toEqual(expected);
      });
    },
  );

  it('waits to be acknowledged, where it is asked to', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { stream } = setUp(scheduler, parts);
      expectObservable(ended(stream.run())).toBe('20ms (a|)', { a: 'end' });
      scheduler.schedule(() => stream.acknowledge(20, undefined), 10);
      scheduler.schedule(() => stream.acknowledge(30, undefined), 20);
      flush();
    });
  });

  it('is taken for well where the receiver says nothing in that time', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { stream, sent } = setUp(scheduler, parts);
      expectObservable(ended(stream.run())).toBe('50ms (a|)', { a: 'end' });
      flush();
      expect(sent).toHaveLength(3);
    });
  });

  it('fails where the receiver refuses it in that time', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { stream } = setUp(scheduler, parts);
      expectObservable(ended(stream.run())).toBe('20ms (a|)', { a: ReturnCode.COMM_ERROR });
      scheduler.schedule(() => stream.refuse(new CellError(ReturnCode.COMM_ERROR)), 20);
      flush();
    });
  });
});
