import {
  catchError,
  concat,
  defer,
  ignoreElements,
  last,
  lastValueFrom,
  map,
  max,
  mergeMap,
  of,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { expect, vi } from 'vitest';

import { CellError, type StreamSource } from '../../lib/cellnet/index.js';
import { type FobsValue, Tuple } from '../../lib/fobs/index.js';
import { pattern, sha256 } from '../support/pattern.js';
import { type CellNet, shown } from './cell-net.js';
import type { CellRow } from './cell-rows.js';

const MIB = 1024 ** 2;
/** More than NVFlare sends unacknowledged (2.9: 64 MiB), so that a refusal always comes before the end. */
const BEYOND_WINDOW = 80 * MIB;
const SIZES = [0, 1, MIB - 1, MIB, MIB + 1, 5_000_000, 64 * MIB];
const VALUE = { list: [1, Tuple.from([2, 'three'])], text: 'ü', big: 2n ** 60n, none: null };

/** How a stream to a cell of Python ends: how far it was, or why not. */
function sent(net: CellNet, name: string, topic: string, pieces: StreamSource): Promise<unknown> {
  const options = { headers: { name, wait: '0' } };
  return lastValueFrom(
    net.own
      .sendStream(net.other, 'bytes', topic, pieces, options)
      .pipe(catchError((error: unknown) => of(error instanceof CellError ? error.message : error))),
  );
}

/** How the streams of a topic end: their bytes, or why not. */
function arrivals(net: CellNet, topic: string, each: () => unknown) {
  const ends = new Map<unknown, unknown>();
  const reading = net.own
    .streams('bytes', topic)
    .pipe(
      mergeMap((stream) =>
        stream.consume(each).pipe(
          last(),
          catchError((error: unknown) => of((error as Error).message)),
          tap((end) => ends.set(stream.headers.name, end)),
        ),
      ),
    )
    .subscribe();
  const send = (name: string, more: Record<string, FobsValue>) =>
    net.done(net.other, 'send stream', { target: net.own.fqcn, name, topic, ...more });
  return { ends, send, stop: () => reading.unsubscribe() };
}

/** Streams, and requests that are streams. */
export const STREAM_ROWS: readonly CellRow[] = [
  {
    column: 'streams in',
    title: 'send us streams of 0 bytes to 64 MiB',
    async expectIt(net) {
      const { other, own } = net;
      const got = new Map<unknown, unknown>();
      const reading = own
        .streams('blobs', '*')
        .pipe(
          mergeMap(({ bytes$, headers }) =>
            bytes$.pipe(map((bytes) => [headers.name, sha256(bytes)] as const)),
          ),
        )
        .subscribe(([name, hash]) => got.set(name, hash));
      for (const size of SIZES) {
        const name = `${size}`;
        expect(await net.done(other, 'send blob', { target: own.fqcn, name, size })).toBe(size);
        await vi.waitUntil(() => got.has(name), 10_000);
        expect(got.get(name)).toBe(sha256(pattern(size)));
      }
      reading.unsubscribe();
    },
  },
  {
    column: 'streams out',
    title: 'take streams of 0 bytes to 64 MiB',
    async expectIt(net) {
      for (const size of SIZES) {
        const bytes = pattern(size);
        const headers = { name: `${size}` };
        const sent$ = net.own.sendStream(net.other, 'blobs', 'from here', bytes, { headers });
        expect(await lastValueFrom(sent$)).toMatchObject({ sentBytes: size, size });
        expect(await net.received(net.other, `${size}`)).toEqual([size, sha256(bytes)]);
      }
    },
  },
  {
    column: 'stream requests',
    title: 'ask each other by streams',
    lacks: ({ version }) =>
      version < '2.9'
        ? 'where nobody handles a stream request, its callers wait for their time-out'
        : undefined,
    async expectIt(net) {
      const { own, other, case: facts } = net;
      const tells = (topic: string, payload: FobsValue, timeout = 10) =>
        net
          .tells(other, { how: 'request', channel: 'app', topic, targets: [own.fqcn], payload, timeout })
          .then((told) => told[own.fqcn]?.map(shown));
      const hash = sha256(pattern(9 * MIB));
      expect(await tells('echo', VALUE)).toEqual(['ok', null, VALUE]);
      expect(await tells('echo', null)).toEqual(['ok', null, null]);
      expect(await tells('large', 9 * MIB)).toEqual(['ok', null, hash]);
      expect(await tells('bad session', 1)).toEqual(['invalid_session', null, null]);
      expect(await tells('fail', 1)).toEqual(['process_exception', null, null]);
      expect(await tells('silent', 1, 0.2)).toEqual(['timeout', null, null]);
      expect((await tells('nobody handles', 1, 0.4))?.[0]).toBe(
        facts.version < '2.9' ? 'timeout' : 'comm_error',
      );

      const asked = (topic: string, payload: FobsValue, stream?: true) =>
        net.asked(other, 'app', topic, payload, stream && { stream }).then(shown);
      expect(await asked('echo', VALUE, true)).toEqual(VALUE);
      expect(await asked('echo', VALUE)).toEqual(VALUE);
      expect(await asked('echo', undefined, true)).toBeUndefined();
      expect(await asked('echo', pattern(9 * MIB))).toBe(hash);
      expect(await asked('large', 9 * MIB, true)).toBe(hash);
      expect(await asked('refuse', 1, true)).toBe('invalid_session');
      expect(await asked('nobody handles', 1, true)).toBe('comm_error');
      expect(await asked('fail', 1, true)).toBe('comm_error');
    },
  },
  {
    column: 'pace',
    title: 'send streams at the pace of their receiver',
    async expectIt(net) {
      const { ends, send, stop } = arrivals(net, 'paced', () => timer(10));
      expect(await send('slow', { size: 40 * MIB })).toBe(40 * MIB);
      await vi.waitUntil(() => ends.has('slow'), 30_000);
      await send('no size', { tell: false, size: 5 * MIB + 3 });
      await vi.waitUntil(() => ends.has('no size'), 30_000);
      expect(Object.fromEntries(ends)).toEqual({ slow: 40 * MIB, 'no size': 5 * MIB + 3 });
      stop();

      const pieces = Array.from({ length: 40 }, () => pattern(MIB));
      const options = { headers: { name: 'slow reader', wait: '0.01' } };
      const ahead$ = net.own
        .sendStream(net.other, 'bytes', 'any', pieces, options)
        .pipe(map(({ sentBytes, acknowledgedBytes }) => sentBytes - acknowledgedBytes));
      // The window, and the chunk that fills it.
      expect(await lastValueFrom(ahead$.pipe(max()))).toBeLessThanOrEqual(17 * MIB);
      expect(await net.received(net.other, 'slow reader')).toEqual([40 * MIB, sha256(pattern(40 * MIB))]);
    },
  },
  {
    column: 'refusals',
    title: 'refuse and abort streams',
    lacks: ({ version }) => {
      if (version < '2.7')
        return 'a sender whose source fails tells nobody, and is told of none: that would block all streams of its receiver';
      return version < '2.9' ? 'a reader is not woken by an abort: its future tells it' : undefined;
    },
    async expectIt(net) {
      const knowsAborts = net.case.version >= '2.7';
      expect(
        await net.done(net.other, 'send stream', {
          target: net.own.fqcn,
          name: 'nobody reads',
          topic: 'nobody reads',
          size: BEYOND_WINDOW,
        }),
      ).toMatch(/No callback is registered/);
      expect(await sent(net, 'refused', 'refused', [pattern(40 * MIB)])).toMatch(/refused: /);

      const { ends, send, stop } = arrivals(net, 'broken', () => undefined);
      await send('broken', { size: 40 * MIB, fail_at: 3 * MIB, timeout: knowsAborts ? 60 : 0.1 });
      await send('whole', { size: 4 * MIB });
      await vi.waitUntil(() => ends.has('whole') && ends.has('broken') === knowsAborts, 30_000);
      expect(ends.get('broken') ?? 'aborted').toMatch(/aborted/);
      stop();

      // NVFlare handles frames on many threads: an abort that overtakes the first chunk is lost there.
      const begun$ = defer(() => net.received(net.other, 'ours begun'));
      const failure$ = throwError(() => new Error('a secret'));
      const broken$ = concat(of(pattern(2 * MIB)), begun$.pipe(ignoreElements()), failure$);
      expect(await sent(net, 'ours', 'any', broken$)).toMatchObject({ message: 'a secret' });
      expect(await sent(net, 'after it', 'any', [pattern(MIB)])).toMatchObject({ sentBytes: MIB });
      expect(await net.received(net.other, 'after it')).toEqual([MIB, sha256(pattern(MIB))]);
      if (!knowsAborts) return;
      expect(await net.received(net.other, 'ours failed')).toMatch(/the sender failed/);
      if (net.case.version >= '2.9')
        expect(await net.received(net.other, 'ours')).toMatch(/the sender failed/);
    },
  },
  {
    column: 'no way',
    title: 'tell who sends a stream that no way leads to its target',
    async expectIt(net) {
      // At its end it hears of it in the time of confirmMs, which ends it well; before, it waits for its window.
      for (const pieces of [pattern(1), [pattern(40 * MIB)]]) {
        const sent$ = net.own.sendStream('py.gone', 'bytes', 'any', pieces, { confirmMs: 20_000 });
        await expect(lastValueFrom(sent$)).rejects.toThrow('py on the way to it answered comm_error');
      }
      const target = 'relay.gone';
      const from = { target, name: 'lost', size: BEYOND_WINDOW };
      for (const peer of [net.other, 'py'])
        expect(await net.done(peer, 'send stream', from)).toMatch(/cannot forward/);
    },
  },
];
