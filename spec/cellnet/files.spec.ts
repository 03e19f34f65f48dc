import {
  catchError,
  concat,
  firstValueFrom,
  map,
  type Observable,
  of,
  Subject,
  switchMap,
  takeUntil,
  timer,
  toArray,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { afterEach, describe, expect, it } from 'vitest';

import { Cell, CellError, type FilePull } from '../../lib/cellnet/index.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import { CommError, Endpoint, Mode } from '../../lib/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { marbles } from '../support/marbles.js';
import { pattern, sha256 } from '../support/pattern.js';

afterEach(stopAll);

const CHANNEL = 'download_service__';
const TOPIC = 'download_service__download';
const FAILURE = 'download_service__source_failure';

type Step = Record<string, FobsValue>;

/** A site, and another that answers the steps of pulls, with the server between them. */
function setUp(scheduler: TestScheduler, answer: (received: number) => unknown = () => undefined) {
  const network = new VirtualNetwork(scheduler);
  const references = { pullTimeoutMs: 500, stepTimeoutMs: 100 };
  const cell = (name: string) => new Cell(network.communicator(name), { scheduler, references });
  for (const site of ['site-1', 'site-2']) network.join(site, 'server', 'j');
  const [hub, one, two] = [cell('server'), cell('site-1'), cell('site-2')];
  const steps: Step[] = [];
  two.handle(CHANNEL, TOPIC, ({ payload }) => {
    const step = payload as Step;
    steps.push(step);
    const { received_bytes: received = 0 } = (step.state ?? {}) as { received_bytes?: number };
    return step.cancel === undefined ? (answer(received) as FobsValue) : undefined;
  });
  return { network, hub, one, two, steps };
}

const later = <T>(stream: Observable<T>) => timer(10).pipe(switchMap(() => stream));
const codeOf = catchError((error: unknown) =>
  of(error instanceof CellError ? error.returnCode : (error as Error).message),
);
const SOURCE = { fqcn: 'site-2', refId: 'r' };
const nothing = () => undefined;

/** Ten bytes at a time, and in all. */
const file = (size: number) => (received: number) =>
  received >= size
    ? { status: 'eof', confirm_expected: true, confirm_nonce: 'n' }
    : { status: 'ok', state: { received_bytes: received + 10 }, data: pattern(10), cancel_capable: true };

describe('a file that is pulled', () => {
  it('comes in chunks, the next when one is consumed, and is confirmed', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, steps } = setUp(scheduler, file(30));
      const chunks: Uint8Array[] = [];
      const pulled$ = one.pullFile(SOURCE, (chunk) => {
        chunks.push(chunk);
        return timer(50, scheduler);
      });
      expectObservable(later(pulled$)).toBe('60ms a 49ms b 49ms (c|)', { a: 10, b: 20, c: 30 });
      flush();
      expect(chunks).toEqual([pattern(10), pattern(10), pattern(10)]);
      expect(steps.map(({ state, confirm }) => [state, confirm])).toEqual([
        [undefined, undefined],
        [{ received_bytes: 10 }, undefined],
        [{ received_bytes: 20 }, undefined],
        [{ received_bytes: 30 }, undefined],
        [undefined, 'success'],
      ]);
    });
  });

  it('begins where it is told to', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, steps } = setUp(scheduler, file(30));
      expectObservable(later(one.pullFile(SOURCE, nothing, 20))).toBe('10ms (a|)', { a: 30 });
      expectObservable(later(one.pullFile(SOURCE, nothing, 30))).toBe('10ms (a|)', { a: 30 });
      flush();
      expect(steps.map(({ state }) => state)).toEqual(
        expect.arrayContaining([{ received_bytes: 20 }, { received_bytes: 30 }]),
      );
      expect(steps.map(({ state }) => state)).not.toContainEqual({ received_bytes: 10 });
    });
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('begins at no byte %s', (startByte) => {
    marbles((scheduler) => {
      const { one } = setUp(scheduler);
      expect(() => one.pullFile(SOURCE, nothing, startByte)).toThrow('startByte: expected a whole number');
    });
  });

  it.each<[string, (received: number) => unknown, string]>([
    [
      'another part in it',
      (at) => ({ status: 'ok', state: { received_bytes: at }, data: pattern(10) }),
      'invalid_request',
    ],
    ['nothing in it', () => ({ status: 'ok', state: {}, data: new Uint8Array() }), 'invalid_request'],
    ['arrays in it', () => ({ status: 'ok', state: {}, data: [pattern(1)] }), 'invalid_request'],
    ['no map', () => 5, 'invalid_request'],
    ['a source that fails', () => ({ status: 'error' }), 'comm_error'],
    ['nobody who answers', () => timer(20_000).pipe(map(() => 0)), 'timeout'],
    ['no end', file(Infinity), 'timeout'],
  ])('fails where there is %s', (_what, answer, code) => {
    marbles((scheduler, { expectObservable }) => {
      const { one } = setUp(scheduler, answer);
      const each = () => timer(20, scheduler);
      const end$ = one.pullFile(SOURCE, each).pipe(
        codeOf,
        toArray(),
        map((all) => all.at(-1)),
        takeUntil(timer(20_000)),
      );
      const times: Record<string, string> = { timeout: '510ms (a|)' };
      expectObservable(later(end$)).toBe(times[code] ?? '10ms (a|)', { a: code });
    });
  });

  it('fails with what its consumer throws, and its source is told when it is given up', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, steps } = setUp(scheduler, file(30));
      const failing = () => {
        throw new Error('the disk is full');
      };
      expectObservable(later(one.pullFile(SOURCE, failing).pipe(codeOf))).toBe('10ms (a|)', {
        a: 'the disk is full',
      });
      expectObservable(later(one.pullFile(SOURCE, () => timer(50, scheduler))), '70ms !').toBe('60ms a', {
        a: 10,
      });
      flush();
      expect(steps.filter(({ cancel }) => cancel === true)).toHaveLength(2);
    });
  });

  it('fails at once when the parent of its source says that it has died, and later too', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { network, one, two } = setUp(scheduler);
      network.join('site-2.job', 'site-2', 'j');
      new Cell(network.communicator('site-2.job'), { scheduler }).requests(CHANNEL, TOPIC).subscribe();
      const child = { fqcn: 'site-2.job', refId: 'r' };
      const told$ = (told: FobsValue) => two.request('site-1', CHANNEL, FAILURE, told);
      const failure = { source_fqcn: 'site-2.job', ref_ids: ['r'], reason: 'it died' };
      expectObservable(later(one.pullFile(child, nothing).pipe(codeOf))).toBe('30ms (a|)', {
        a: 'comm_error',
      });
      expectObservable(
        timer(30).pipe(
          switchMap(() => told$(failure)),
          map(() => 'ok'),
        ),
      ).toBe('30ms (a|)', {
        a: 'ok',
      });
      const late$ = timer(40).pipe(
        switchMap(() => one.pullFile(child, nothing)),
        codeOf,
      );
      expectObservable(late$).toBe('40ms (a|)', { a: 'comm_error' });
      const bad: FobsValue[] = [
        5,
        { ...failure, source_fqcn: 'site-2' },
        { ...failure, source_fqcn: 'site-1.job' },
        { ...failure, ref_ids: Array<string>(257).fill('r') },
        { ...failure, ref_ids: ['r'.repeat(257)] },
      ];
      const refused$ = concat(...bad.map((told) => told$(told).pipe(codeOf)));
      expectObservable(
        timer(50).pipe(
          switchMap(() => refused$),
          toArray(),
        ),
      ).toBe('50ms (a|)', {
        a: Array(5).fill('invalid_request'),
      });
      flush();
    });
  });
});

describe('a file that is offered', () => {
  /** A server that offers, and a site. */
  async function setUpOffer(name: string) {
    const url = `inproc://${name}`;
    const [hub, site] = [communicator(new Endpoint('server')), communicator(new Endpoint('site-1'))];
    hub.addConnector(url, Mode.PASSIVE);
    site.addConnector(url, Mode.ACTIVE);
    const [server, client] = [new Cell(hub), new Cell(site)];
    await Promise.all([hub.start(), site.start()]);
    await untilState(hub, 'site-1');
    await untilState(site, 'server');
    return { hub, server, client };
  }

  /** Its digest, when pulled; or how that fails. */
  async function pulled(client: Cell, refId: string): Promise<unknown> {
    const chunks: Uint8Array[] = [];
    try {
      await client.pullFile({ fqcn: 'server', refId }, (chunk) => chunks.push(chunk)).forEach(nothing);
      return sha256(Buffer.concat(chunks));
    } catch (error) {
      return (error as CellError).returnCode;
    }
  }

  it('is pulled by those that know its reference, while it is subscribed', async () => {
    const { hub, server, client } = await setUpOffer('offer');
    const bytes = new Uint8Array(pattern(6_000_000));
    const ends: FilePull[] = [];
    let isOver = false;
    const offering = server.offerFile('r', new Blob([bytes])).subscribe((end) => ends.push(end));
    server.offerFile('empty', new Blob([])).subscribe({ complete: () => (isOver = true) });
    expect(await pulled(client, 'r')).toBe(sha256(bytes));
    expect(await Promise.all([pulled(client, 'r'), pulled(client, 'empty')])).toEqual([
      sha256(bytes),
      sha256(pattern(0)),
    ]);
    expect(await pulled(client, 'other')).toBe('invalid_request');
    expect(ends).toEqual(Array(2).fill({ by: 'site-1', isWhole: true }));
    await new Promise((resolve) =>
      server.offerFile('r', new Blob([])).subscribe({
        error: (error: unknown) => {
          expect((error as CommError).code).toBe('BAD_CONFIG');
          resolve(undefined);
        },
      }),
    );
    offering.unsubscribe();
    expect(await pulled(client, 'r')).toBe('invalid_request');
    expect(await pulled(client, 'empty')).toBe(sha256(pattern(0)));
    await hub.stop();
    expect(isOver).toBe(true);
  });

  it('is refused beyond its end, and to a site with 1,000 steps that wait', async () => {
    const { server, client } = await setUpOffer('greedy');
    const reading = new Subject<ArrayBuffer>();
    const bytes = firstValueFrom(reading);
    const slow = Object.assign(new Blob(['0123456789']), {
      slice: () => ({ arrayBuffer: () => bytes }),
    });
    server.offerFile('r', slow).subscribe();
    const step = (received: number) =>
      firstValueFrom(
        client.request('server', CHANNEL, TOPIC, { ref_id: 'r', state: { received_bytes: received } }),
      ).then(({ payload }) => (payload as Step).status);
    expect(await step(11)).toBe('error');
    const waiting = Array.from({ length: 1_000 }, () => step(0));
    expect(await step(0)).toBe('error');
    reading.next(new ArrayBuffer(10));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ok']));
    expect(await step(0)).toBe('ok');
  });

  it.each<[string, FobsValue]>([
    ['no map', 5],
    ['a state of arrays', { ref_id: 'r', state: { start: 0, count: 1 } }],
    ['a negative state', { ref_id: 'r', state: { received_bytes: -1 } }],
    ['a state that is no count', { ref_id: 'r', state: { received_bytes: 0.5 } }],
    ['no reference', { state: { received_bytes: 0 } }],
  ])('answers %s with invalid_request', async (what, step) => {
    const { server, client } = await setUpOffer(what.replaceAll(' ', '-'));
    server.offerFile('r', new Blob(['0123456789'])).subscribe();
    await expect(client.request('server', CHANNEL, TOPIC, step).forEach(nothing)).rejects.toMatchObject({
      returnCode: 'invalid_request',
    });
  });
});
