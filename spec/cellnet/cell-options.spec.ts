import { catchError, map, type Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { ANY, Cell, type CellOptions, type StreamSource } from '../../lib/cellnet/index.js';
import { resolveCellOptions } from '../../lib/cellnet/cell-options.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { documentedOptions } from '../support/documented-options.js';
import { marbles } from '../support/marbles.js';

const codeOf = catchError((error: unknown) => of(CommError.from(error).code));

/** For what TypeScript would not let pass. */
const untyped = (value: unknown) => value as never;

describe('the options of a cell', () => {
  it.each<[string, CellOptions]>([
    ['an unknown one', untyped({ requestTimeout: 3 })],
    ['one of another type', untyped({ requestTimeoutMs: '3' })],
    ['a negative one', { requestTimeoutMs: -1 }],
    ['no number', { reconnectGraceMs: Number.NaN }],
    ['an unknown one of streams', { streams: untyped({ chunkSize: 3 }) }],
    ['chunks of nothing', { streams: { chunkBytes: 0 } }],
    ['a sweep all the time', { streams: { idleTimeoutMs: 0 } }],
    ['a time that no timer takes', { streams: { idleTimeoutMs: Infinity } }],
    ['arrays that are kept for no time', { references: { keepMs: 0 } }],
    ['chunks of one byte and a half', { streams: { chunkBytes: 1.5 } }],
    ['a window without end', { streams: { windowBytes: Infinity } }],
    ['acknowledgements in no time', { streams: { ackTimeoutMs: 0 } }],
    ['a dialect that is none', { dialect: untyped('2.5') }],
    ['an unknown one of references', { references: untyped({ eager: true }) }],
  ])('are refused: %s', (_, options) => {
    marbles((scheduler) => {
      const communicator = new VirtualNetwork(scheduler).communicator('a');
      expect(() => new Cell(communicator, options)).toThrow(
        expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
      );
    });
  });

  it('have defaults where they are undefined', () => {
    marbles((scheduler) => {
      const communicator = new VirtualNetwork(scheduler).communicator('a');
      const options = {
        reconnectGraceMs: undefined,
        requestTimeoutMs: Infinity,
        streams: { chunkBytes: undefined },
      };
      expect(new Cell(communicator, untyped(options)).fqcn).toBe('a');
    });
  });
});

describe.each([
  ['cell-options.ts', 'CellOptions', (options: object) => resolveCellOptions(options)],
  ['stream-options.ts', 'StreamOptions', (streams: object) => resolveCellOptions({ streams }).streams],
  [
    'reference-options.ts',
    'ReferenceOptions',
    (references: object) => resolveCellOptions({ references }).references,
  ],
])('the comments of %s', (file, type, resolve) => {
  const defaults = resolve({}) as Readonly<Record<string, unknown>>;
  const documented = documentedOptions(`cellnet/${file}`, type);
  const numbers = documented.filter(({ name }) => typeof defaults[name] === 'number');

  it('describe every option, and no other', () => {
    expect(documented.map(({ name }) => name).sort()).toEqual(Object.keys(defaults).sort());
  });

  it.each(numbers)('give the default and range of $name', ({ name, fallback, least, most }) => {
    expect(fallback).toBe(defaults[name]);
    for (const value of [least, most]) expect(resolve({ [name]: value })).toMatchObject({ [name]: value });
    const beyond = most === Infinity ? [least - 0.5] : [least - 0.5, most + 1, Infinity];
    for (const value of beyond) expect(() => resolve({ [name]: value })).toThrow(CommError);
  });
});

describe('a cell', () => {
  it('is the one of its communicator', () => {
    marbles((scheduler) => {
      const communicator = new VirtualNetwork(scheduler).communicator('a');
      new Cell(communicator, { scheduler });
      expect(() => new Cell(communicator, { scheduler })).toThrow('one Cell per communicator');
    });
  });

  it('refuses a handler for a topic of any channel, which would never be called', () => {
    marbles((scheduler, { expectObservable }) => {
      const cell = new Cell(new VirtualNetwork(scheduler).communicator('a'), { scheduler });
      const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
      expect(() => cell.handle(ANY, 't', () => 1)).toThrow(badConfig);
      for (const stream$ of [cell.requests(ANY, 't'), cell.streams(ANY, 't')] as Observable<unknown>[])
        expectObservable(stream$.pipe(codeOf)).toBe('(a|)', { a: CommErrorCode.BAD_CONFIG });
    });
  });

  it.each<[string, object]>([
    ['an unknown one', { timeoutMs: 3 }],
    ['one of another type', { optional: 1 }],
  ])('refuses options of a message without reply: %s', (_name, options) => {
    marbles((scheduler) => {
      const cell = new Cell(new VirtualNetwork(scheduler).communicator('a'), { scheduler });
      const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
      expect(() => cell.fire('b', 'c', 't', 1, options)).toThrow(badConfig);
    });
  });

  it('refuses unknown options of a request', () => {
    marbles((scheduler, { expectObservable }) => {
      const cell = new Cell(new VirtualNetwork(scheduler).communicator('a'), { scheduler });
      const request$ = cell.request('b', 'c', 't', 1, untyped({ timeout: 3 } satisfies object));
      expectObservable(request$.pipe(codeOf)).toBe('(a|)', { a: CommErrorCode.BAD_CONFIG });
    });
  });

  it('refuses unknown options of a stream', () => {
    marbles((scheduler, { expectObservable }) => {
      const cell = new Cell(new VirtualNetwork(scheduler).communicator('a'), { scheduler });
      const sent$ = cell.sendStream('b', 'c', 't', new Uint8Array(1), untyped({ timeoutMs: 3 }));
      expectObservable(sent$.pipe(codeOf)).toBe('(a|)', { a: CommErrorCode.BAD_CONFIG });
    });
  });

  it.each<[string, unknown]>([
    ['a text', 'hello'],
    ['a number', 5],
    ['nothing', undefined],
    ['an ArrayBuffer', new ArrayBuffer(3)],
    ['an array of floats', new Float32Array(3)],
  ])('sends no stream of %s', (_, source) => {
    marbles((scheduler, { expectObservable }) => {
      const cell = new Cell(new VirtualNetwork(scheduler).communicator('a'), { scheduler });
      const sent$ = cell.sendStream('b', 'c', 't', source as StreamSource).pipe(codeOf);
      expectObservable(sent$).toBe('(a|)', { a: CommErrorCode.BAD_DATA });
    });
  });
});

describe('the errors of handlers', () => {
  it('are shown where they happen: what was thrown, and what has no form on the wire', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      const [server, site] = [
        new Cell(network.communicator('server'), { scheduler }),
        new Cell(network.communicator('site-1'), { scheduler }),
      ];
      const boom = new Error('boom');
      class Progress {
        readonly round = 1;
      }
      site.handle('c', 'throws', () => {
        throw boom;
      });
      site.handle('c', 'class', () => untyped(new Progress()));
      const seen: unknown[] = [];
      site.handlerErrors$.subscribe(({ channel, topic, origin, error }) =>
        seen.push([channel, topic, origin, error === boom ? 'boom' : CommError.from(error).message]),
      );
      for (const stream of [false, true])
        for (const topic of ['throws', 'class'])
          scheduler.schedule(
            () => server.request('site-1', 'c', topic, 1, { stream }).pipe(codeOf).subscribe(),
            10,
          );
      expectObservable(site.handlerErrors$.pipe(map(({ topic }) => topic))).toBe('10ms (abab)', {
        a: 'throws',
        b: 'class',
      });
      flush();
      const unsent = expect.stringContaining('an instance of Progress') as string;
      expect(seen.slice(0, 2)).toEqual([
        ['c', 'throws', 'server', 'boom'],
        ['c', 'class', 'server', unsent],
      ]);
    });
  });
});
