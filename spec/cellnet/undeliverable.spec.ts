import { catchError, endWith, ignoreElements, mergeMap, type Observable, of, switchMap, timer } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, CellError, type SendStreamOptions, type StreamOptions } from '../../lib/cellnet/index.js';
import { CELL_APP_ID } from '../../lib/cellnet/headers.js';
import type { MessageHeaders } from '../../lib/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** From frame 10 on, when all are READY. */
const later = <T>(stream: Observable<T>) => timer(10).pipe(switchMap(() => stream));
const messageOf = catchError((error: unknown) =>
  of(error instanceof CellError ? `${error.returnCode}: ${error.message}` : error),
);
const ended = <T>(stream: Observable<T>) => stream.pipe(ignoreElements(), endWith('end'), messageOf);
const LOST = 'comm_error: stream to site-9: server on the way to it answered comm_error, "cannot forward"';
const UNANSWERED = 'timeout: stream to server: no acknowledgement came within 100 ms';
const TIMED_OUT = 'timeout: stream to site-9: no acknowledgement came within 100 ms';

describe('a stream that a cell on the way cannot pass on', () => {
  /** `site-1`, with `server` between it and all others. */
  function setUp(scheduler: TestScheduler, streams: StreamOptions = {}) {
    const network = new VirtualNetwork(scheduler);
    network.join('site-1', 'server', 'j');
    const cell = (name: string) => new Cell(network.communicator(name), { scheduler, streams });
    return { server: cell('server'), site: cell('site-1'), network };
  }

  it.each<[string, SendStreamOptions, string, string]>([
    ['fails before its end', {}, '10ms (a|)', LOST],
    ['waits at its end to hear of it', { size: 3, confirmMs: 1_000 }, '10ms (a|)', LOST],
    ['is sent again where it is reliable', { reliable: true }, '110ms (a|)', TIMED_OUT],
  ])('%s', (_, options, expected, error) => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { server, site } = setUp(scheduler, { chunkBytes: 10, windowBytes: 40, ackTimeoutMs: 100 });
      const bytes = new Uint8Array(options.size ?? 500);
      const sent$ = later(site.sendStream('site-9', 'c', 't', bytes, options));
      expectObservable(ended(sent$)).toBe(expected, { a: error });
      flush();
      expect(site.stats).toMatchObject({ lateReplies: 0, malformed: 0, forged: 0 });
      expect(server.stats.unroutable).toBeGreaterThan(0);
    });
  });

  it('gets no reply where it is passed on', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { site, server } = setUp(scheduler, { chunkBytes: 10 });
      const read$ = server.streams('c', 't').pipe(mergeMap(({ bytes$ }) => bytes$));
      read$.subscribe();
      expectObservable(ended(later(site.sendStream('server', 'c', 't', new Uint8Array(95))))).toBe(
        '10ms (a|)',
        { a: 'end' },
      );
      flush();
      expect(site.stats.lateReplies).toBe(0);
    });
  });

  it('fails where it is a request', () => {
    marbles((scheduler, { expectObservable }) => {
      const { site } = setUp(scheduler);
      const asked$ = later(site.request('site-9', 'c', 't', 1, { stream: true })).pipe(messageOf);
      expectObservable(asked$).toBe('10ms (a|)', { a: LOST });
    });
  });

  const chunk = {
    cn__msg_type: 'req',
    cn__channel: 'sm__STREAM',
    cn__topic: 'sm__DATA',
    sm__dt: 1,
    sm__sq: 0,
  };
  const stream = { sm__id: 7, sm__ch: 'c', sm__tp: 't' };
  const told = { ...stream, sm__dt: 6, sm__fd: 'site-9', cn__reply_expected: false };
  it.each<[string, MessageHeaders, MessageHeaders | undefined]>([
    ['of NVFlare 2.9 hears of it by an error', { sm__cs: 1 }, { ...told, cn__topic: 'sm__ERROR' }],
    ['of NVFlare up to 2.8 hears of it by an acknowledgement', {}, { ...told, cn__topic: 'sm__ACK' }],
    ['of a reliable stream hears nothing, and sends again', { sm__cs: 1, sm__rs: true }, undefined],
    ['that gives it up hears nothing', { sm__dt: 6 }, undefined],
    ['hears nothing of a stream with a long name', { sm__tp: 't'.repeat(1_001) }, undefined],
  ])('whose sender %s', (_, headers, expected) => {
    marbles((scheduler, { flush }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      new Cell(network.communicator('server'), { scheduler });
      const site = network.communicator('site-1');
      const got: (MessageHeaders | undefined)[] = [];
      site.registerMessageReceiver(CELL_APP_ID, ({ message }) => void got.push(message.headers));
      const way = { cn__origin: 'site-1', cn__destination: 'site-9', cn__route: [] };
      const send = () =>
        site.send('server', CELL_APP_ID, { headers: { ...chunk, ...stream, ...way, ...headers } });
      scheduler.schedule(send, 10);
      flush();
      expect(got).toEqual(expected === undefined ? [] : [expect.objectContaining(expected)]);
    });
  });
});

describe('the answer to a chunk', () => {
  const reply = { cn__msg_type: 'reply', cn__channel: 'sm__STREAM', cn__topic: 'sm__DATA' };
  it.each<[string, MessageHeaders, string, string]>([
    [
      'of a server that lets nobody in without a login ends its stream',
      { cn__msg_type: 'return', cn__return_code: 'unauthenticated', cn__return_reason: 'intercept' },
      '10ms (a|)',
      'unauthenticated: stream to server: the target answered unauthenticated',
    ],
    [
      'of a cell without streams ends its stream',
      { ...reply, cn__return_code: 'process_exception', cn__error: 'no callback' },
      '10ms (a|)',
      'process_exception: stream to server: the target answered process_exception, "no callback"',
    ],
    ['that it is well ends nothing', { ...reply, cn__return_code: 'ok' }, '110ms (a|)', UNANSWERED],
    [
      'to another stream ends nothing',
      { ...reply, cn__return_code: 'comm_error', cn__req_id: '7' },
      '110ms (a|)',
      UNANSWERED,
    ],
  ])('%s', (_, answer, expected, error) => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      const streams = { chunkBytes: 10, windowBytes: 40, ackTimeoutMs: 100 };
      const site = new Cell(network.communicator('site-1'), { scheduler, streams });
      const server = network.communicator('server');
      server.registerMessageReceiver(CELL_APP_ID, ({ endpoint, message: { headers = {} } }) => {
        const isReturned = answer.cn__msg_type === 'return';
        const what = isReturned ? { cn__original_headers: headers } : { cn__req_id: headers.cn__req_id };
        const way = { cn__origin: 'server', cn__destination: 'site-1' };
        server.send(endpoint.name, CELL_APP_ID, { headers: { ...what, ...way, ...answer } });
      });
      const sent$ = later(site.sendStream('server', 'c', 't', new Uint8Array(500)));
      expectObservable(ended(sent$)).toBe(expected, { a: error });
    });
  });
});
