import {
  catchError,
  delay,
  EMPTY,
  endWith,
  ignoreElements,
  mergeMap,
  NEVER,
  type Observable,
  of,
  timer,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, CellError, ReturnCode, type StreamOptions } from '../../lib/cellnet/index.js';
import type { MessageHeaders } from '../../lib/message.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';
import { pattern } from '../support/pattern.js';

const LIMITS: StreamOptions = {
  maxUnreadBytes: 10_000,
  maxHeldBytes: 15_000,
  maxStreamsPerNeighbour: 3,
  idleTimeoutMs: 1_000,
};

/** `site-1` receives streams, and gets messages of them one by one from a server that sends what it likes. */
function setUp(scheduler: TestScheduler) {
  const network = new VirtualNetwork(scheduler);
  network.join('site-1', 'server', 'j');
  const cell = new Cell(network.communicator('site-1'), { scheduler, streams: LIMITS });
  const ends: unknown[] = [];
  const answers: (readonly unknown[])[] = [];
  const hub = network.communicator('server');
  hub.messages(1).subscribe(({ message: { headers = {} } }) => {
    if (headers.cn__channel === 'sm__STREAM')
      answers.push([headers.cn__topic, headers.sm__dt, headers.sm__os ?? headers.sm__em]);
  });
  const send = (headers: MessageHeaders, payload: Uint8Array = pattern(10)) => {
    const all = {
      cn__msg_type: 'req',
      cn__origin: 'server',
      cn__destination: 'site-1',
      cn__channel: 'sm__STREAM',
      cn__topic: 'sm__DATA',
      cn__payload_encoding: 'bytes',
      sm__id: 1,
      sm__dt: 1,
      sm__ch: 'c',
      sm__tp: 't',
      ...headers,
    };
    hub.send('site-1', 1, { headers: all, payload });
  };
  return { cell, send, ends, answers };
}

/** What a reader of the streams sees after these messages, and what is answered. */
function seen(
  messages: readonly (readonly [MessageHeaders, Uint8Array?])[],
  read: 'chunks$' | 'consume' | 'nothing' = 'chunks$',
) {
  let result: { ends: unknown[]; answers: (readonly unknown[])[]; malformed: number } | undefined;
  marbles((scheduler, { flush }) => {
    const { cell, send, ends, answers } = setUp(scheduler);
    const ended = cell.streams('c', 't').pipe(
      mergeMap((stream) => {
        if (read === 'nothing') return NEVER;
        const read$: Observable<unknown> =
          read === 'chunks$' ? stream.chunks$ : stream.consume(() => timer(1_000));
        return read$.pipe(
          ignoreElements(),
          endWith('whole'),
          catchError((error: unknown) => of(error instanceof CellError ? error.returnCode : error)),
        );
      }),
    );
    ended.subscribe((end) => ends.push(end));
    timer(10).subscribe(() => {
      for (const [headers, payload] of messages) send(headers, payload);
    });
    flush();
    result = { ends, answers, malformed: cell.stats.malformed };
  });
  return result;
}

const chunk = (sequence: number, more: MessageHeaders = {}): readonly [MessageHeaders, Uint8Array] => [
  { sm__sq: sequence, sm__os: sequence * 10, ...more },
  pattern(10),
];
const final = { sm__dt: 2 };
const INVALID = [ReturnCode.INVALID_REQUEST];

describe('a stream that breaks the rules ends alone, with an error here and there', () => {
  it.each<[string, readonly (readonly [MessageHeaders, Uint8Array?])[]]>([
    ['a chunk without a sequence', [chunk(0), [{ sm__sq: undefined }]]],
    ['a sequence that is none', [chunk(0), [{ sm__sq: -1 }]]],
    ['a size that is none', [chunk(0, { sm__sz: 'huge' })]],
    ['a size that changes', [chunk(0, { sm__sz: 20 }), chunk(1, { sm__sz: 30 })]],
    ['less than its size', [chunk(0, { sm__sz: 25 }), chunk(1, { sm__sz: 25, ...final })]],
    ['more than its size', [chunk(0, { sm__sz: 15 }), chunk(1, { sm__sz: 15 })]],
    ['a gap in its offsets', [chunk(0), chunk(1, { sm__os: 15 })]],
    ['an overlap in its offsets', [chunk(0), chunk(1, { sm__os: 5 })]],
    ['a chunk after the end', [chunk(0), chunk(2), chunk(1, final)]],
    [
      'a gap that does not close',
      [
        chunk(0),
        ...Array.from({ length: 18 }, (_, at) => chunk(at + 2)).map(
          ([headers]) => [headers, pattern(1)] as const,
        ),
      ],
    ],
  ])('%s', (_name, messages) => {
    const result = seen(messages);
    expect(result).toMatchObject({ ends: INVALID, malformed: 0 });
    expect(result?.answers.at(-1)).toEqual(['sm__ACK', 6, expect.any(String)]);
  });

  it.each([
    ['large', 1_000, 10],
    ['of one byte', 1, 39],
  ])('one that is not consumed gets no more than may wait, in chunks that are %s', (_name, bytes, most) => {
    const end = (count: number) =>
      seen(
        Array.from({ length: count }, (_, at) => [{ sm__sq: at }, pattern(bytes)] as const),
        'consume',
      )?.ends;
    expect(end(most)).toEqual([ReturnCode.TIMEOUT]);
    expect(end(most + 1)).toEqual([ReturnCode.MSG_TOO_BIG]);
  });

  it('those of all that hold too much', () => {
    const two = [1, 2].flatMap((id) =>
      Array.from({ length: 9 }, (_, at) => [{ sm__sq: at, sm__id: id }, pattern(1_000)] as const),
    );
    expect(seen(two, 'consume')?.ends).toEqual([ReturnCode.SERVICE_UNAVAILABLE, ReturnCode.TIMEOUT]);
  });

  it('those of a neighbour that opens too many', () => {
    const many = Array.from({ length: 20 }, (_, id) => chunk(1, { sm__id: id }));
    const result = seen(many);
    expect(result?.ends).toEqual(Array(3).fill(ReturnCode.TIMEOUT));
    expect(result?.answers.filter(([, , text]) => text === 'too many open streams')).toHaveLength(17);
  });
});

describe('a stream', () => {
  it('is put in order, and takes no chunk twice', () => {
    const messages = [
      chunk(2),
      chunk(1),
      chunk(1),
      chunk(0),
      chunk(0),
      chunk(3, final),
      chunk(4),
      chunk(3, final),
    ];
    expect(seen(messages)).toEqual({ ends: ['whole'], answers: [['sm__ACK', 3, 40]], malformed: 0 });
  });

  it('is whole with its final chunk, however late it is read: what comes after is left out', () => {
    marbles((scheduler, { expectObservable }) => {
      const { cell, send } = setUp(scheduler);
      const bytes$ = cell.streams('c', 't').pipe(
        delay(10),
        mergeMap((stream) => stream.bytes$),
      );
      timer(10).subscribe(() => {
        for (const message of [chunk(0), chunk(1, final), chunk(2), chunk(3)]) send(...message);
      });
      const whole = Uint8Array.of(...pattern(10), ...pattern(10));
      expectObservable(bytes$, '^ 100ms !').toBe('20ms a', { a: whole });
    });
  });

  it('that is reliable is acknowledged again where a chunk comes again', () => {
    const again = chunk(0, { sm__rs: true, ...final });
    expect(seen([again, again])?.answers).toEqual([
      ['sm__ACK', 3, 10],
      ['sm__ACK', 3, 10],
    ]);
  });

  it.each<[string, MessageHeaders, number]>([
    ['0', { sm__ws: 0, sm__ai: 100 }, 3],
    ['smaller than the interval', { sm__ws: 20, sm__ai: 100 }, 2],
    ['2^63', { sm__ws: 2n ** 63n, sm__ai: 2n ** 63n }, 1],
    ['negative', { sm__ws: -1, sm__ai: -1 }, 1],
  ])('whose window is %s is acknowledged in time', (_name, headers, count) => {
    const messages = [chunk(0, headers), chunk(1, headers), chunk(2, { ...headers, ...final })];
    expect(seen(messages)).toMatchObject({ ends: ['whole'], answers: { length: count } });
  });

  it('is given up where nothing comes, or nobody reads it', () => {
    expect(seen([chunk(0)])?.ends).toEqual([ReturnCode.TIMEOUT]);
    expect(seen([chunk(0, final)], 'nothing')?.answers).toEqual([
      ['sm__ACK', 3, 10],
      ['sm__ACK', 6, 'nobody reads it'],
    ]);
  });

  it('ends where its sender aborts it, and its sender is told nothing', () => {
    const abort: readonly [MessageHeaders] = [{ sm__dt: 6, sm__em: 'no' }];
    expect(seen([chunk(0), abort])).toMatchObject({ ends: [ReturnCode.COMM_ERROR], answers: [] });
    expect(seen([abort])).toEqual({ ends: [], answers: [], malformed: 0 });
  });

  it('is consumed also where what consumes it transfers its memory elsewhere', () => {
    marbles((scheduler, { expectObservable }) => {
      const { cell, send } = setUp(scheduler);
      const moved = (chunk: Uint8Array) => void structuredClone(chunk, { transfer: [chunk.buffer] });
      const consumed$ = cell.streams('c', 't').pipe(mergeMap((stream) => stream.consume(moved)));
      timer(10).subscribe(() => send({ sm__sq: 0, ...final }));
      expectObservable(consumed$, '^ 100ms !').toBe('10ms a', { a: 10 });
    });
  });

  it('that is refused where it is handed over holds no memory', () => {
    marbles((scheduler, { flush }) => {
      const { cell, send, ends } = setUp(scheduler);
      const read$ = cell.streams('c', 't').pipe(
        mergeMap((stream) => {
          if (stream.headers.sm__id === 99) return stream.bytes$;
          stream.refuse();
          return EMPTY;
        }),
      );
      read$.subscribe((bytes) => ends.push(bytes.length));
      timer(10).subscribe(() => {
        for (let id = 0; id < 20; id += 1) send({ sm__id: id, sm__sq: 0, ...(id % 2 === 0 ? final : {}) });
        send({ sm__id: 99, sm__sq: 0, ...final });
      });
      flush();
      expect(ends).toEqual([10]);
    });
  });

  it('that nobody takes is refused without its texts where they are long: they would be remembered', () => {
    const long = { sm__ch: 'x'.repeat(300), sm__tp: 'x'.repeat(300), sm__ri: 'x'.repeat(300) };
    expect(seen([chunk(0, { ...long, sm__rs: true }), chunk(0, { ...long, sm__rs: true })])?.answers).toEqual(
      Array(2).fill(['sm__ACK', 6, 'No callback is registered for /']),
    );
  });

  it('without an ID is counted, and one that nobody takes is refused by the topics that its sender knows', () => {
    expect(seen([chunk(0, { sm__id: 'x' }), chunk(0, { sm__id: 1.5 })])).toEqual({
      ends: [],
      answers: [],
      malformed: 2,
    });
    const text = 'No callback is registered for c/nobody';
    expect(seen([chunk(0, { sm__tp: 'nobody' }), chunk(1, { sm__tp: 'nobody' })])?.answers).toEqual([
      ['sm__ACK', 6, text],
    ]);
    expect(seen([chunk(0, { sm__tp: 'nobody', sm__cs: 10 })])?.answers).toEqual([
      ['sm__ERROR', 6, text],
      ['sm__ACK', 6, text],
    ]);
  });
});
