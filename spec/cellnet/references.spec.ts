import {
  catchError,
  map,
  mergeMap,
  NEVER,
  type Observable,
  of,
  switchMap,
  takeUntil,
  tap,
  timer,
  toArray,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, CellError, type CellOptions, type CellRequest, ReturnCode } from '../../lib/cellnet/index.js';
import {
  type FobsValue,
  NdArray,
  PyObject,
  RemoteItem,
  Tensor,
  writeNpz,
  writeSafetensors,
} from '../../lib/fobs/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

const CHANNEL = 'download_service__';
const TOPIC = 'download_service__download';

type Step = Record<string, FobsValue>;

/** `site-1` and `site-2`, which keeps arrays, with the server between them. */
function setUp(scheduler: TestScheduler, references: CellOptions['references'] = {}) {
  const network = new VirtualNetwork(scheduler);
  const cell = (name: string) =>
    new Cell(network.communicator(name), { requestTimeoutMs: 100, scheduler, references });
  for (const site of ['site-1', 'site-2']) network.join(site, 'server', 'j');
  const [hub, one, two] = [cell('server'), cell('site-1'), cell('site-2')];
  const steps: Step[] = [];
  /** Answers the steps of pulls; those of the end are noted alone. */
  const keep = (answer: (step: Step, request: CellRequest) => unknown) =>
    two.handle(CHANNEL, TOPIC, (request) => {
      const step = request.payload as Step;
      steps.push(step);
      return step.confirm === undefined && step.cancel === undefined
        ? (answer(step, request) as FobsValue)
        : undefined;
    });
  return { hub, one, two, keep, steps };
}

/** From frame 10 on, when all are READY. */
const later = <T>(stream: Observable<T>) => timer(10).pipe(switchMap(() => stream));
const codeOf = catchError((error: unknown) => of(error instanceof CellError ? error.returnCode : error));

/** What stands for an array in a message. */
const remote = (itemId: string, dot = 3, fqcn = 'site-2', refId = 'r') =>
  new RemoteItem(
    { fqcn, refId, dot },
    itemId,
    new PyObject(dot === 3 ? 'numpy.ndarray' : 'torch.Tensor', { type: 'ref', data: itemId }, 'x.Y'),
  );
const item = (id: string, ...values: number[]) => writeNpz([[id, NdArray.float64(values)]]);

/** Two steps, and the end. */
const twoSteps = ({ state }: Step) => {
  const { start = 0 } = (state ?? {}) as { start?: number };
  if (start === 2) return { status: 'eof', confirm_expected: true, confirm_nonce: 'n' };
  return {
    status: 'ok',
    state: { start: start + 1, count: 1 },
    data: [item(`T${start}`, start)],
    cancel_capable: true,
  };
};
const ITEMS = { a: remote('T0'), b: [remote('T1'), remote('T0')] };
const WHOLE = { a: NdArray.float64([0]), b: [NdArray.float64([1]), NdArray.float64([0])] };

describe('arrays that come by reference', () => {
  it('are pulled before a reply is handed over, and before a request is', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two, keep, steps } = setUp(scheduler);
      keep(twoSteps);
      two.handle('c', 'model', () => ITEMS);
      one.handle('c', 'train', ({ payload }) => (payload as typeof WHOLE).b[0]?.data[0]);
      expectObservable(later(one.request('site-2', 'c', 'model')).pipe(map(({ payload }) => payload))).toBe(
        '10ms (a|)',
        { a: WHOLE },
      );
      for (const stream of [true, false])
        expectObservable(
          later(two.request('site-1', 'c', 'train', ITEMS, { stream })).pipe(map(({ payload }) => payload)),
        ).toBe('10ms (a|)', { a: 1 });
      flush();
      expect(steps).toHaveLength(12);
      expect(steps.filter(({ confirm }) => confirm !== undefined)).toEqual(
        Array(3).fill({ ref_id: 'r', confirm: 'success', confirm_nonce: 'n' }),
      );
    });
  });

  it('are tensors where they are sent as such', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two, keep } = setUp(scheduler);
      const bits = new NdArray('bfloat16', [1], Uint16Array.of(0x3f80));
      keep(({ state }) =>
        state === undefined
          ? { status: 'ok', state: { start: 0, count: 1 }, data: [writeSafetensors([['T0', bits]])] }
          : { status: 'eof' },
      );
      two.handle('c', 'model', () => remote('T0', 6));
      const reply$ = later(one.request('site-2', 'c', 'model'));
      const isTensor$ = reply$.pipe(map(({ payload }) => [payload instanceof Tensor, payload]));
      expectObservable(isTensor$).toBe('10ms (a|)', { a: [true, bits] });
    });
  });

  it('stay references in a cell that is lazy, and in messages that are to be passed on', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, two, keep, steps } = setUp(scheduler, { lazy: true });
      const eager = setUp(scheduler);
      keep(twoSteps);
      two.handle('c', 'model', () => ITEMS);
      eager.one.handle('c', 'model', ({ payload }) => payload instanceof RemoteItem);
      const lazy$ = later(one.request('site-2', 'c', 'model')).pipe(map(({ payload }) => payload));
      expectObservable(lazy$).toBe('10ms (a|)', { a: ITEMS });
      const headers = { cn__pass_through: true };
      const passed$ = later(eager.two.request('site-1', 'c', 'model', ITEMS.a, { headers }));
      expectObservable(passed$.pipe(map(({ payload }) => payload))).toBe('10ms (a|)', { a: true });
      expectObservable(later(one.pull(ITEMS.a)).pipe(toArray())).toBe('10ms (a|)', {
        a: [
          { itemId: 'T0', array: NdArray.float64([0]) },
          { itemId: 'T1', array: NdArray.float64([1]) },
        ],
      });
      flush();
      expect(eager.steps).toEqual([]);
      expect(steps.map(({ state }) => state)).toEqual([
        undefined,
        { start: 1, count: 1 },
        { start: 2, count: 1 },
        undefined,
      ]);
    });
  });

  let next = 0;
  const failures: readonly [string, (step: Step) => unknown, string, FobsValue?][] = [
    ['a cell that is gone', twoSteps, '10ms (a|)', remote('T0', 3, 'site-3')],
    ['a name that cannot be', twoSteps, '10ms (a|)', remote('T0', 3, 'a b')],
    ['itself', twoSteps, '10ms (a|)', remote('T0', 3, 'site-1')],
    ['nothing under the reference', () => invalid(), '10ms (a|)'],
    ['no answer', () => NEVER, '1010ms (a|)'],
    ['no map', () => 3, '10ms (a|)'],
    ['no status', () => ({}), '10ms (a|)'],
    ['a failure', () => ({ status: 'error', confirm_expected: true, confirm_nonce: 'n' }), '10ms (a|)'],
    ['no list', () => ({ status: 'ok', data: 'T0' }), '10ms (a|)'],
    ['no arrays', () => ({ status: 'ok', data: [new Uint8Array(30)] }), '10ms (a|)'],
    ['references again', () => ({ status: 'ok', data: [remote('T0')] }), '10ms (a|)'],
    ['nothing', () => ({ status: 'ok', data: [] }), '10ms (a|)'],
    [
      'the same again and again',
      () => ({ status: 'ok', data: [item('T0', 1)], cancel_capable: true }),
      '10ms (a|)',
    ],
    ['other arrays', () => ({ status: 'eof' }), '10ms (a|)'],
    ['more and more', () => ({ status: 'ok', data: [item(`T${(next += 1)}`, 1)] }), '10ms (a|)'],
    [
      'more and more, slowly',
      () => timer(40).pipe(map(() => ({ status: 'ok', data: [item(`T${(next += 1)}`, 1)] }))),
      '1010ms (a|)',
    ],
    [
      'one empty array after the other',
      () => timer(40).pipe(map(() => ({ status: 'ok', data: [item(`T${(next += 1)}`)] }))),
      '90ms (a|)',
    ],
  ];
  const codes: Readonly<Record<string, string>> = {
    'a cell that is gone': ReturnCode.COMM_ERROR,
    'a name that cannot be': ReturnCode.INVALID_TARGET,
    itself: ReturnCode.PROCESS_EXCEPTION,
    'no answer': ReturnCode.TIMEOUT,
    'a failure': ReturnCode.COMM_ERROR,
    'more and more': ReturnCode.SERVICE_UNAVAILABLE,
    'more and more, slowly': ReturnCode.TIMEOUT,
    'one empty array after the other': ReturnCode.TIMEOUT,
  };

  it.each(failures)(
    'fail where there is %s, on both sides, and nothing else does',
    (name, answer, marble, value = remote('T0')) => {
      marbles((scheduler, { expectObservable, flush }) => {
        const references = { stepTimeoutMs: 50, pullTimeoutMs: 1_000, maxPulls: 1, maxPulledBytes: 40_000 };
        const { one, two, keep } = setUp(scheduler, references);
        const keeping = keep(answer);
        two.handle('c', 'model', () => value);
        let handled = 0;
        one.handle('c', 'train', () => (handled += 1));
        const reply$ = later(one.request('site-2', 'c', 'model')).pipe(codeOf);
        expectObservable(reply$).toBe(marble, { a: codes[name] ?? ReturnCode.INVALID_REQUEST });
        const refused$ = timer(20_000).pipe(
          switchMap(() => two.request('site-1', 'c', 'train', value, { timeoutMs: 10_000 })),
          codeOf,
        );
        expectObservable(refused$).toBe(
          marble.replace(/^\d+/, (ms) => String(19_990 + Number(ms))),
          {
            a: ReturnCode.COMM_ERROR,
          },
        );
        const good$ = timer(40_000).pipe(
          tap(() => {
            keeping.unsubscribe();
            keep(twoSteps);
          }),
          switchMap(() => one.pull(remote('T0'))),
          toArray(),
          map(({ length }) => length),
        );
        expectObservable(good$).toBe('40s (a|)', { a: 2 });
        flush();
        expect(handled).toBe(0);
      });
    },
  );

  it('are given up where nobody waits for them, and their cell is told so', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { one, keep, steps } = setUp(scheduler);
      keep((step) => (step.state === undefined ? twoSteps(step) : NEVER));
      expectObservable(later(one.pull(remote('T0'))).pipe(takeUntil(timer(30)))).toBe('10ms a 19ms |', {
        a: { itemId: 'T0', array: NdArray.float64([0]) },
      });
      flush();
      expect(steps.at(-1)).toEqual({ ref_id: 'r', cancel: true });
    });
  });

  it('are pulled for so many messages at a time, and for so many bytes', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two, keep } = setUp(scheduler, { maxPulls: 2, maxPulledBytes: 50_000 });
      keep((step) => timer(10).pipe(map(() => twoSteps(step))));
      two.handle('c', 'model', ({ payload }) => [payload, ITEMS]);
      const ask = (size: number) =>
        later(one.request('site-2', 'c', 'model', new Uint8Array(size))).pipe(
          map(() => 'whole'),
          codeOf,
        );
      expectObservable(ask(10)).toBe('40ms (a|)', { a: 'whole' });
      expectObservable(ask(50_000)).toBe('10ms (a|)', { a: ReturnCode.SERVICE_UNAVAILABLE });
      expectObservable(ask(11)).toBe('40ms (a|)', { a: 'whole' });
      expectObservable(ask(12)).toBe('10ms (a|)', { a: ReturnCode.SERVICE_UNAVAILABLE });
    });
  });

  it('are pulled for each neighbour within its share, and for none from a cell that is not behind it', () => {
    marbles((scheduler, { expectObservable, flush }) => {
      const { hub, one, two, keep, steps } = setUp(scheduler, { maxPullsPerNeighbour: 1 });
      one.handle(CHANNEL, TOPIC, () => NEVER);
      keep(twoSteps);
      hub.handle('c', 'train', () => 'whole');
      const train = (cell: Cell, value: FobsValue, frame = 10) =>
        timer(frame).pipe(
          switchMap(() => cell.request('server', 'c', 'train', value)),
          map(({ payload }) => payload),
          codeOf,
        );
      const own = remote('T0', 3, 'site-1');
      expectObservable(train(one, ITEMS)).toBe('10ms (a|)', { a: ReturnCode.INVALID_REQUEST });
      expectObservable(train(one, own)).toBe('110ms (a|)', { a: ReturnCode.TIMEOUT });
      expectObservable(train(one, own)).toBe('10ms (a|)', { a: ReturnCode.COMM_ERROR });
      expectObservable(train(two, ITEMS, 50)).toBe('50ms (a|)', { a: 'whole' });
      flush();
      expect(steps).toHaveLength(4);
    });
  });
});

describe('arrays that were pulled', () => {
  it.each<[string, () => Promise<FobsValue> | Observable<FobsValue>]>([
    ['a promise', () => new Promise(() => undefined)],
    ['an Observable', () => NEVER],
  ])('count while the handler goes on that returned %s, and are no pulls any more', (_what, handler) => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two, keep } = setUp(scheduler, { maxPulledBytes: 10_000, maxPulls: 1 });
      keep(twoSteps);
      one.handle('c', 'train', handler);
      const train = (frame: number) =>
        timer(frame).pipe(
          switchMap(() => two.request('site-1', 'c', 'train', ITEMS, { timeoutMs: 1_000 })),
          codeOf,
        );
      for (const frame of [10, 20, 30])
        expectObservable(train(frame)).toBe(`${frame + 1_000}ms (a|)`, { a: ReturnCode.TIMEOUT });
      expectObservable(train(40)).toBe('40ms (a|)', { a: ReturnCode.COMM_ERROR });
    });
  });

  it('one by one count until they are handed over', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, keep } = setUp(scheduler, { maxPulledBytes: 20_000 });
      const values = Array.from({ length: 500 }, (_, index) => index);
      keep(({ state }) => {
        const { start = 0, count = 0 } = (state ?? {}) as { start?: number; count?: number };
        const at = start + count;
        return at === 10
          ? { status: 'eof' }
          : { status: 'ok', state: { start: at, count: 1 }, data: [item(`T${at}`, ...values)] };
      });
      const count$ = one.pull(remote('T0')).pipe(
        toArray(),
        map(({ length }) => length),
        codeOf,
      );
      expectObservable(later(count$)).toBe('10ms (a|)', { a: 10 });
    });
  });
});

describe('arrays that are sent by reference', () => {
  const BIG = NdArray.float64(Array.from({ length: 300_000 }, (_, index) => index));
  const MODEL = { w: [BIG, NdArray.float64([1])], t: Tensor.from(NdArray.float32([2])), same: BIG };
  const isLazy = { lazy: true, sendFromBytes: 0 };

  /** Both know what the other speaks. */
  const acquainted = (one: Cell, two: Cell) => {
    two.handle('c', 'hello', () => 'hello');
    return <T>(stream: Observable<T>) =>
      later(one.request('site-2', 'c', 'hello', [])).pipe(switchMap(() => stream));
  };

  it('are kept for the receiver, which pulls them, in requests and in replies', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler, { sendFromBytes: 0 });
      const met = acquainted(one, two);
      two.handle('c', 'echo', ({ payload }) => payload);
      const reply$ = met(one.request('site-2', 'c', 'echo', MODEL)).pipe(
        map(({ payload }) => {
          const { w, t, same } = payload as typeof MODEL;
          const isSame = Buffer.compare(Buffer.from(same.data.buffer), Buffer.from(BIG.data.buffer)) === 0;
          return [isSame, w[0] === same, w[1]?.data, t instanceof Tensor, t.data];
        }),
      );
      expectObservable(reply$).toBe('10ms (a|)', {
        a: [true, true, Float64Array.of(1), true, Float32Array.of(2)],
      });
    });
  });

  it('are those as they were, and travel as references', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler, isLazy);
      const met = acquainted(one, two);
      const array = NdArray.float64([1, 2]);
      two.handle('c', 'model', ({ payload }) => {
        const { w } = payload as { w: RemoteItem };
        array.data[0] = 9;
        return two
          .pull(w)
          .pipe(
            map(
              ({ itemId, array: { data } }) =>
                [w instanceof RemoteItem, w.fqcn, itemId, data[0]] as FobsValue,
            ),
          );
      });
      const reply$ = met(one.request('site-2', 'c', 'model', { w: array })).pipe(
        map(({ payload }) => payload),
      );
      expectObservable(reply$).toBe('10ms (a|)', { a: [true, 'site-1', 'T0', 1] });
    });
  });

  it.each<[string, CellOptions['references'], object, boolean]>([
    ['they are smaller than that', { ...isLazy, sendFromBytes: 17 }, {}, true],
    ['there is no room', { ...isLazy, maxKeptBytes: 1_000 }, {}, true],
    ['the request is to be a message', isLazy, { stream: false }, true],
    ['nothing of the receiver has come', isLazy, {}, false],
    ['the message refers to arrays of others', isLazy, {}, true],
  ])('go along where %s', (name, references, options, isMet) => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler, references);
      const when = isMet ? acquainted(one, two) : later;
      two.handle('c', 'model', ({ payload }) => (payload as readonly FobsValue[])[0] instanceof NdArray);
      const array = NdArray.float64([1, 2]);
      const value = name.endsWith('of others') ? [array, remote('T0')] : [array];
      const reply$ = when(one.request('site-2', 'c', 'model', value, options));
      expectObservable(reply$.pipe(map(({ payload }) => payload))).toBe('10ms (a|)', { a: true });
    });
  });

  it('are let go of when they are pulled, or when the request is given up, or when nobody pulls them for long', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler, { ...isLazy, keepMs: 1_000, maxKeptBytes: 2_000 });
      const met = acquainted(one, two);
      const kept: RemoteItem[] = [];
      two.handle('c', 'keep', ({ payload }) => {
        if (payload instanceof RemoteItem) kept.push(payload);
        return payload instanceof RemoteItem;
      });
      two.handle('c', 'silent', () => NEVER);
      const array = NdArray.float64([1]);
      const isKept = (frame: number) =>
        timer(frame).pipe(
          switchMap(() => met(one.request('site-2', 'c', 'keep', array))),
          map(({ payload }) => payload),
        );
      const pulled = (frame: number) =>
        timer(frame).pipe(
          mergeMap(() => kept.slice(-1)),
          switchMap((item) => two.pull(item)),
          toArray(),
          map(({ length }) => length),
          codeOf,
        );
      expectObservable(isKept(0)).toBe('10ms (a|)', { a: true });
      expectObservable(isKept(100)).toBe('110ms (a|)', { a: false });
      expectObservable(pulled(200)).toBe('200ms (a|)', { a: 1 });
      expectObservable(pulled(250)).toBe('250ms (a|)', { a: ReturnCode.COMM_ERROR });
      expectObservable(isKept(300)).toBe('310ms (a|)', { a: true });
      expectObservable(isKept(400)).toBe('410ms (a|)', { a: false });
      expectObservable(pulled(3_000)).toBe('3s (a|)', { a: ReturnCode.INVALID_REQUEST });
      const silent$ = timer(4_000).pipe(switchMap(() => one.request('site-2', 'c', 'silent', array)));
      expectObservable(silent$.pipe(codeOf)).toBe('4100ms (a|)', { a: ReturnCode.TIMEOUT });
      expectObservable(isKept(4_050)).toBe('4060ms (a|)', { a: false });
      expectObservable(isKept(4_200)).toBe('4210ms (a|)', { a: true });
    });
  });

  it('are for those that ask rightly', () => {
    marbles((scheduler, { expectObservable }) => {
      const { one, two } = setUp(scheduler, isLazy);
      const met = acquainted(one, two);
      let refId = '';
      two.handle('c', 'keep', ({ payload }) => void ({ refId } = payload as RemoteItem));
      const answer = (step: FobsValue) =>
        timer(20).pipe(
          switchMap(() => two.request('site-1', CHANNEL, TOPIC, step)),
          map(({ payload }) => (payload as { status?: string } | undefined)?.status),
          codeOf,
        );
      met(one.request('site-2', 'c', 'keep', NdArray.float64([1]))).subscribe();
      for (const step of [
        3,
        {},
        { ref_id: 7 },
        { ref_id: 'x', state: 3 },
        { ref_id: 'x', state: { start: -1, count: 0 } },
      ])
        expectObservable(answer(step)).toBe('20ms (a|)', { a: ReturnCode.INVALID_REQUEST });
      const steps: readonly [object, string | undefined][] = [
        [{}, 'ok'],
        [{ confirm: 'success', confirm_nonce: 'made up' }, undefined],
        [{}, 'ok'],
        [{ state: { start: 0, count: 1 }, confirm_capable: true }, 'eof'],
        [{ state: { start: 2 ** 52, count: 2 ** 52 } }, 'eof'],
        [{}, 'error'],
        [{ state: { start: 0, count: 1 } }, 'eof'],
      ];
      for (const [index, [step, status]] of steps.entries()) {
        const step$ = timer(100 + index).pipe(
          switchMap(() => two.request('site-1', CHANNEL, TOPIC, { ref_id: refId, ...step })),
          map(({ payload }) => (payload as { status?: string } | undefined)?.status),
        );
        expectObservable(step$).toBe(`${100 + index}ms (a|)`, { a: status });
      }
    });
  });
});

function invalid(): never {
  throw new CellError(ReturnCode.INVALID_REQUEST);
}
