import { catchError, delay, map, type Observable, of, switchMap, throwError, timer } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it, vi } from 'vitest';

import { ANY, Cell, CellError, type Outcome, ReturnCode } from '../../lib/cellnet/index.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { decodeFobs, encodeFobs, NdArray } from '../../lib/fobs/index.js';
import type { MessageHeaders } from '../../lib/message.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** Cells with a hub between them: `site-1`, `site-2` and `site-2.job` are joined to it from frame 0. */
function setUp(scheduler: TestScheduler, latencyMs = 0) {
  const network = new VirtualNetwork(scheduler, { latencyMs });
  const cell = (name: string) => new Cell(network.communicator(name), { requestTimeoutMs: 100, scheduler });
  for (const site of ['site-1', 'site-2']) network.join(site, 'server', 'j');
  network.join('site-2.job', 'site-2', 'j');
  return {
    network,
    cell,
    hub: cell('server'),
    one: cell('site-1'),
    two: cell('site-2'),
    job: cell('site-2.job'),
  };
}

/** A request from frame 10 on, when all are READY. */
const later = <T>(request: Observable<T>) => timer(10).pipe(switchMap(() => request));

const shown = ({ target, reply, error }: Outcome) =>
  `${target} ${error?.returnCode ?? (reply?.payload as string)}`;
const isCellError = (error: unknown) => error instanceof CellError;
const codeOf = catchError((error: unknown) => of(isCellError(error) ? error.returnCode : String(error)));

describe('a request', () => {
  it('through two cells brings the reply back, once', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, job } = setUp(scheduler);
      job.handle('math', 'sum', ({ payload }) => (payload as number[]).reduce((sum, item) => sum + item));
      const sum$ = later(one.request('site-2.job', 'math', 'sum', [1, 2])).pipe(
        map(({ payload }) => payload),
      );
      expectObservable(sum$).toBe('10ms (a|)', { a: 3 });
    });
  });

  it.each<[string, (request: { payload: unknown }) => unknown, string]>([
    ['a value', () => 'x', '10ms (a|)'],
    ['nothing, which is an empty reply', () => undefined, '10ms (b|)'],
    ['an Observable, its first value', () => timer(5).pipe(map(() => 'x')), '15ms (a|)'],
    ['an Observable without a value', () => of(), '10ms (b|)'],
  ])('is answered with %s', (_name, handler, marble) => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      two.handle('c', 't', handler as never);
      const reply$ = later(one.request('site-2', 'c', 't')).pipe(map(({ payload }) => payload));
      expectObservable(reply$).toBe(marble, { a: 'x', b: undefined });
    });
  });

  it('whose handler answers what cannot be sent gets its return code, and no time-out', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      two.handle('c', 't', () => Symbol('no value') as never);
      expectObservable(later(one.request('site-2', 'c', 't')).pipe(codeOf)).toBe('10ms (a|)', {
        a: ReturnCode.PROCESS_EXCEPTION,
      });
    });
  });

  it('whose handler throws a CellError with a reason gets that, at most 1,000 characters of it', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      const reason = 'log in first'.padEnd(1_000_000, '!');
      two.handle('c', 't', () => {
        throw new CellError(ReturnCode.UNAUTHENTICATED, 'a secret', undefined, { reason });
      });
      const told$ = later(one.request('site-2', 'c', 't')).pipe(
        catchError((error: unknown) => of(error instanceof CellError ? error.reason : error)),
      );
      expectObservable(told$).toBe('10ms (a|)', { a: reason.slice(0, 1_000) });
    });
  });

  it('whose handler fails on what a third cell answered learns nothing of that', () => {
    marbles((scheduler, { expectObservable }) => {
      const { hub, one, two } = setUp(scheduler);
      hub.handle('c', 'ask', () => {
        throw new CellError(ReturnCode.UNAUTHENTICATED, 'a secret', undefined, { reason: 'a secret' });
      });
      two.handle('c', 't', () => two.request('server', 'c', 'ask').pipe(map(({ payload }) => payload)));
      const told$ = later(one.request('site-2', 'c', 't')).pipe(
        catchError((error: unknown) => of(isCellError(error) && [error.returnCode, error.reason])),
      );
      expectObservable(told$).toBe('10ms (a|)', { a: [ReturnCode.PROCESS_EXCEPTION, undefined] });
    });
  });

  it.each<[string, Error, string]>([
    ['an error', new Error('a secret'), ReturnCode.PROCESS_EXCEPTION],
    ['a CellError', new CellError(ReturnCode.INVALID_SESSION, 'a secret'), ReturnCode.INVALID_SESSION],
  ])('whose handler throws %s gets its return code, and nothing of its text', (_name, thrown, returnCode) => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      two.handle('c', 'throws', () => {
        throw thrown;
      });
      two.handle('c', 'errors', () => throwError(() => thrown));
      for (const topic of ['throws', 'errors']) {
        const text$ = later(one.request('site-2', 'c', topic)).pipe(
          catchError((error: unknown) =>
            of(isCellError(error) && [error.returnCode, error.message.includes('secret')]),
          ),
        );
        expectObservable(text$).toBe('10ms (a|)', { a: [returnCode, false] });
      }
    });
  });

  it.each<[string, string, string]>([
    ['nobody handles', 'site-2', ReturnCode.PROCESS_EXCEPTION],
    ['cannot be passed on by the server', 'site-3', ReturnCode.COMM_ERROR],
    ['no neighbour leads to', 'site-1.job', ReturnCode.TARGET_UNREACHABLE],
    ['goes to no name', 'no name!', ReturnCode.INVALID_TARGET],
  ])('that %s fails at once', (_name, target, returnCode) => {
    marbles((scheduler, { expectObservable }) => {
      const { one } = setUp(scheduler);
      expectObservable(later(one.request(target, 'c', 't')).pipe(codeOf)).toBe('10ms (a|)', {
        a: returnCode,
      });
    });
  });

  it('to what is no name looks up none of its parts', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one } = setUp(scheduler);
      const lookUps = vi.spyOn(one.communicator, 'findEndpoint');
      expectObservable(one.request('.'.repeat(100_000), 'c', 't').pipe(codeOf)).toBe('(a|)', {
        a: ReturnCode.INVALID_TARGET,
      });
      flush();
      expect(lookUps.mock.calls.length).toBeLessThan(10);
    });
  });

  it('is timed out, and its late reply is counted and dropped', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two } = setUp(scheduler);
      two.handle('c', 't', () => timer(60));
      const code$ = later(one.request('site-2', 'c', 't', undefined, { timeoutMs: 50 })).pipe(codeOf);
      expectObservable(code$).toBe('60ms (a|)', { a: ReturnCode.TIMEOUT });
      flush();
      expect(one.stats).toEqual({ lateReplies: 1, malformed: 0, forged: 0, unroutable: 0 });
    });
  });

  it('is cold, and unsubscribing gives it up', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two } = setUp(scheduler);
      let asked = 0;
      two.handle('c', 't', () => {
        asked += 1;
        return timer(20);
      });
      const request$ = one.request('site-2', 'c', 't');
      expectObservable(later(request$), '15ms !').toBe('');
      flush();
      expect([asked, one.stats.lateReplies]).toEqual([1, 1]);
    });
  });

  it('fails where a payload cannot be sent, with CommError', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one } = setUp(scheduler);
      const code$ = later(one.request('site-2', 'c', 't', (() => 1) as never)).pipe(
        catchError((error: unknown) => of(error instanceof CommError && error.code)),
      );
      expectObservable(code$).toBe('10ms (a|)', { a: CommErrorCode.BAD_DATA });
    });
  });

  it('whose headers are too long fails with CommError, and so does a message', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one } = setUp(scheduler);
      const options = { headers: { long: 'x'.repeat(70_000) } };
      const code$ = later(one.request('site-2', 'c', 't', 1, options)).pipe(
        catchError((error: unknown) => of(!isCellError(error) && error instanceof CommError && error.code)),
      );
      expectObservable(code$).toBe('10ms (a|)', { a: CommErrorCode.BAD_DATA });
      flush();
      expect(() => one.fire('server', 'c', 't', 1, options)).toThrow(
        expect.objectContaining({ name: 'CommError', code: CommErrorCode.BAD_DATA }) as Error,
      );
    });
  });

  it('fails as one that may be made later where the queue is full', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, {
        options: { highWaterMarkBytes: 1_000, maxQueuedBytes: 1_000 },
      });
      network.join('site-1', 'server', 'j');
      network.link('site-1', 'server', '5ms s');
      const cell = new Cell(network.communicator('site-1'), { scheduler });
      const full$ = later(cell.broadcast(['server'], 'c', 't', new Uint8Array(2_000)));
      const outcome$ = timer(20).pipe(
        switchMap(() => cell.broadcast(['server'], 'c', 't', new Uint8Array(2_000))),
        map(({ error }) => [error?.returnCode, error?.code, (error?.cause as Error).name]),
      );
      full$.subscribe();
      expectObservable(outcome$).toBe('20ms (a|)', {
        a: [ReturnCode.COMM_ERROR, CommErrorCode.NOT_READY, 'QueueFullError'],
      });
    });
  });

  it('finds its handler by topic, then by channel, then by any', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      for (const [channel, topic] of [
        ['c', 't'],
        ['c', ANY],
        [ANY, ANY],
      ] as const)
        two.handle(channel, topic, () => `${channel} ${topic}`);
      expect(() => two.handle('c', 't', () => 1)).toThrow(
        expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
      );
      const ask = (channel: string, topic: string) =>
        later(one.request('site-2', channel, topic)).pipe(map(({ payload }) => payload));
      expectObservable(ask('c', 't')).toBe('10ms (a|)', { a: 'c t' });
      expectObservable(ask('c', 'other')).toBe('10ms (a|)', { a: 'c *' });
      expectObservable(ask('other', 't')).toBe('10ms (a|)', { a: '* *' });
    });
  });

  it('is answered later by a call, and a second answer is ignored', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler);
      const afterFive$ = two.requests('c', 't').pipe(delay(5));
      afterFive$.subscribe((request) => {
        if (request.payload === 1) request.reply('one');
        request.fail(ReturnCode.SERVICE_UNAVAILABLE);
      });
      const ask = (payload: number) =>
        later(one.request('site-2', 'c', 't', payload)).pipe(
          map((reply) => reply.payload),
          codeOf,
        );
      expectObservable(ask(1)).toBe('15ms (a|)', { a: 'one' });
      expectObservable(ask(2)).toBe('15ms (a|)', { a: ReturnCode.SERVICE_UNAVAILABLE });
    });
  });
});

describe('a broadcast', () => {
  it('has an outcome for each target as it comes', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two, hub, job } = setUp(scheduler);
      two.handle('c', 't', () => timer(20).pipe(map(() => 'two')));
      hub.handle('c', 't', () => 'hub');
      job.requests('c', 't').subscribe();
      const all$ = later(one.broadcast(['site-2', 'server', 'gone', 'site-2.job', 'site-2'], 'c', 't')).pipe(
        map(shown),
      );
      expectObservable(all$).toBe('10ms (hg) 16ms t 79ms (j|)', {
        h: 'server hub',
        g: 'gone comm_error',
        t: 'site-2 two',
        j: 'site-2.job timeout',
      });
    });
  });

  it('to nobody is over at once', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one } = setUp(scheduler);
      expectObservable(one.broadcast([], 'c', 't')).toBe('|');
    });
  });
});

describe('what arrives', () => {
  /** What `one` gets from the server for headers of its own. */
  const send = (scheduler: TestScheduler, headers: MessageHeaders, payload?: Uint8Array) => {
    const made = setUp(scheduler);
    const all = {
      cn__origin: 'server',
      cn__destination: 'site-1',
      cn__channel: 'c',
      cn__topic: 't',
      ...headers,
    };
    timer(10).subscribe(() => {
      made.hub.communicator.send('site-1', 1, { headers: all, payload });
    });
    return made;
  };

  it.each<[string, MessageHeaders]>([
    ['no type', { cn__msg_type: undefined }],
    ['a type that is none', { cn__msg_type: 'other' }],
    ['no origin', { cn__msg_type: 'req', cn__origin: undefined }],
    ['an origin that is no name', { cn__msg_type: 'req', cn__origin: 'no name!' }],
    ['an origin that is long', { cn__msg_type: 'req', cn__origin: 'x'.repeat(2_000) }],
    ['an origin that is no text', { cn__msg_type: 'req', cn__origin: 1 }],
    ['an empty destination', { cn__msg_type: 'req', cn__destination: '' }],
    ['a destination that is longer than a name', { cn__msg_type: 'req', cn__destination: '.'.repeat(1_025) }],
    ...['cn__req_id', 'cn__channel', 'cn__topic', 'cn__secure', 'cn__optional'].flatMap(
      (name): [string, MessageHeaders][] => [
        [
          `a ${name} of 1,001 characters, which a reply would repeat`,
          { cn__msg_type: 'req', [name]: 'x'.repeat(1_001) },
        ],
        [`a ${name} that could be of any size`, { cn__msg_type: 'req', [name]: ['x'] }],
      ],
    ),
  ])('without the headers of a cell is counted and dropped: %s', (_name, headers) => {
    marbles((scheduler, { flush }) => {
      const { one } = send(scheduler, headers);
      flush();
      expect(one.stats).toEqual({ lateReplies: 0, malformed: 1, forged: 0, unroutable: 0 });
    });
  });

  it.each<[string, MessageHeaders, number]>([
    ['an unknown ID', { cn__msg_type: 'reply', cn__req_id: 'x' }, 1],
    ['IDs that are no texts', { cn__msg_type: 'reply', cn__req_id: [1, null, 'x'] }, 1],
    ['no ID', { cn__msg_type: 'reply' }, 0],
    ['a return without headers', { cn__msg_type: 'return', cn__req_id: ['x'], cn__original_headers: 7 }, 1],
  ])('as a reply to nothing is dropped: %s', (_name, headers, lateReplies) => {
    marbles((scheduler, { flush }) => {
      const { one } = send(scheduler, headers);
      flush();
      expect(one.stats).toEqual({ lateReplies, malformed: 0, forged: 0, unroutable: 0 });
    });
  });

  it('as a reply to nothing is not decoded: nothing is learned of how its sender writes', () => {
    marbles((scheduler, { flush }) => {
      const reply = { cn__msg_type: 'reply', cn__req_id: 'x', cn__payload_encoding: 'fobs' };
      const { one, hub } = send(scheduler, reply, encodeFobs(1, { dialect: '2.4' }));
      const written: string[] = [];
      hub.handle('c', 't', () => undefined);
      hub.communicator.messages(1).subscribe(({ message: { payload } }) => {
        if (payload !== undefined) written.push(decodeFobs(payload).dialect);
      });
      timer(20).subscribe(() => one.fire('server', 'c', 't', 'text'));
      flush();
      expect([written, one.stats.lateReplies]).toEqual([['2.7'], 1]);
    });
  });

  it.each<[string, MessageHeaders, Uint8Array, string]>([
    [
      'a payload that is no FOBS',
      { cn__payload_encoding: 'fobs' },
      Uint8Array.of(1),
      ReturnCode.PROCESS_EXCEPTION,
    ],
    ['an encrypted payload', { cn__encrypted: true }, Uint8Array.of(1), ReturnCode.AUTHENTICATION_ERROR],
  ])('with %s is answered, and reaches no handler', (_name, headers, payload, returnCode) => {
    marbles((scheduler, { flush }) => {
      const { one, hub } = send(
        scheduler,
        { cn__msg_type: 'req', cn__reply_expected: true, cn__req_id: 'x', ...headers },
        payload,
      );
      let handled = 0;
      one.handle('c', 't', () => {
        handled += 1;
      });
      const codes: unknown[] = [];
      hub.communicator.messages(1).subscribe(({ message }) => codes.push(message.headers?.cn__return_code));
      flush();
      expect([handled, codes.filter((code) => code !== undefined)]).toEqual([0, [returnCode]]);
    });
  });

  it('in a reply of another cell than the one that was asked is dropped', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two, hub } = setUp(scheduler);
      two.requests('c', 't').subscribe(({ headers }) => {
        const forged = { ...headers, cn__msg_type: 'reply', cn__origin: 'server', cn__destination: 'site-1' };
        hub.communicator.send('site-1', 1, { headers: forged });
      });
      expectObservable(later(one.request('site-2', 'c', 't')).pipe(codeOf)).toBe('110ms (a|)', {
        a: ReturnCode.TIMEOUT,
      });
      flush();
      expect(one.stats.lateReplies).toBe(1);
    });
  });

  it('to be passed on in a circle is returned', () => {
    marbles((scheduler, { flush }) => {
      const { one, hub } = send(scheduler, {
        cn__msg_type: 'req',
        cn__reply_expected: true,
        cn__req_id: 'x',
        cn__destination: 'site-2',
        cn__route: [['server', 1.5]],
      });
      const returned: MessageHeaders[] = [];
      hub.communicator.messages(1).subscribe(({ message }) => returned.push(message.headers ?? {}));
      flush();
      expect(returned).toMatchObject([
        {
          cn__msg_type: 'return',
          cn__return_code: 'comm_error',
          cn__req_id: ['x'],
          cn__return_reason: 'cant_forward',
        },
      ]);
      expect(one.stats.unroutable).toBe(1);
    });
  });

  it.each<[string, MessageHeaders['x']]>([
    ['a text', 'server'],
    ['pairs of another kind', [['server']]],
  ])('with a route that is none is not passed on: %s', (_name, route) => {
    marbles((scheduler, { flush }) => {
      const { one } = send(scheduler, { cn__msg_type: 'req', cn__destination: 'site-2', cn__route: route });
      flush();
      expect(one.stats.unroutable).toBe(1);
    });
  });

  it('in a bulk is handled one by one', () => {
    marbles((scheduler, { flush }) => {
      const item = (topic: string, payload: unknown, headers = {}) => ({
        target: 'site-1',
        channel: 'c',
        topic,
        message: { headers: { cn__payload_encoding: 'fobs', ...headers }, payload },
      });
      const first = encodeFobs('first');
      const bulk = encodeFobs([
        item('a', first),
        item('b', [first.subarray(0, 3), first.subarray(3)], { mine: 1 }),
        { ...item('bulk', first), channel: 'cellnet.channel' },
      ] as never);
      const { one } = send(
        scheduler,
        {
          cn__msg_type: 'req',
          cn__channel: 'cellnet.channel',
          cn__topic: 'bulk',
          cn__payload_encoding: 'fobs',
        },
        bulk,
      );
      const handled: unknown[] = [];
      one.handle('c', ANY, ({ topic, payload, headers }) => {
        handled.push([topic, payload, headers.mine]);
      });
      flush();
      expect(handled).toEqual([
        ['a', 'first', undefined],
        ['b', 'first', 1],
      ]);
    });
  });

  it('in a bulk of more than NVFlare gathers is not handled, nor is any other of it, and counts as malformed', () => {
    marbles((scheduler, { flush }) => {
      const headers = { cn__msg_type: 'req', cn__channel: 'cellnet.channel', cn__topic: 'bulk' };
      const item = { channel: 'c', topic: 't', message: { headers: {}, payload: null } };
      const bulk = encodeFobs(Array<typeof item>(1_001).fill(item));
      const { one } = send(scheduler, { ...headers, cn__payload_encoding: 'fobs' }, bulk);
      let handled = 0;
      one.handle(ANY, ANY, () => (handled += 1));
      flush();
      expect([handled, one.stats.malformed]).toEqual([0, 1]);
    });
  });
});

describe('payloads', () => {
  it('arrive as they were sent, and are answered in the dialect that they came in', () => {
    marbles((scheduler, { expectObservable }) => {
      const { network, one } = setUp(scheduler);
      network.join('old', 'server', 'j');
      const old = new Cell(network.communicator('old'), { dialect: '2.4', scheduler });
      one.handle('c', 'echo', ({ payload }) => payload);
      const value = { array: NdArray.float64([1, 2]), text: 'x' };
      const echo$ = later(old.request('site-1', 'c', 'echo', value));
      expectObservable(echo$.pipe(map(({ payload }) => payload))).toBe('10ms (a|)', { a: value });
      const { length } = encodeFobs(value, { dialect: '2.4' });
      expectObservable(echo$.pipe(map(({ headers }) => headers.cn__payload_len))).toBe('10ms (a|)', {
        a: length,
      });
    });
  });
});
