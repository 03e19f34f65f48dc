import {
  catchError,
  concat,
  defer,
  map,
  NEVER,
  type Observable,
  of,
  switchMap,
  take,
  tap,
  timer,
  VirtualTimeScheduler,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, CellDiagnostics, CellError } from '../../lib/cellnet/index.js';
import { firstNames } from '../../lib/cellnet/cell-diagnostics.js';
import { KnownCells } from '../../lib/cellnet/known-cells.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import { Endpoint, EndpointState } from '../../lib/index.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

const CHANNEL = '_net_manager';

/** `site-1` and `site-2` with the server between them, and `site-2.job` below `site-2`. */
function setUp(scheduler: TestScheduler) {
  const network = new VirtualNetwork(scheduler);
  for (const site of ['site-1', 'site-2']) network.join(site, 'server', 'j');
  network.join('site-2.job', 'site-2', 'j');
  const cell = (name: string) => new Cell(network.communicator(name), { requestTimeoutMs: 100, scheduler });
  return {
    network,
    hub: cell('server'),
    one: cell('site-1'),
    two: cell('site-2'),
    job: cell('site-2.job'),
  };
}

const at = <T>(frame: number, source$: Observable<T>) => timer(frame).pipe(switchMap(() => source$));
const codeOf = catchError((error: unknown) => of(error instanceof CellError ? error.returnCode : error));

describe('the cells that are known', () => {
  it('are the neighbours, and those of which something came; they go with what leads to them', () => {
    marbles((scheduler, { flush }) => {
      const { hub, two, job } = setUp(scheduler);
      const told: string[] = [];
      hub.cells$.subscribe({
        next: (cells) => {
          const names = [...cells.values()].map(({ fqcn, via }) =>
            fqcn === via ? fqcn : `${fqcn} by ${via}`,
          );
          told.push(`${scheduler.now()}: ${names.join(', ')}`);
        },
        complete: () => told.push(`${scheduler.now()}: over`),
      });
      at(10, job.request('server', 'c', 't').pipe(codeOf)).subscribe();
      at(20, job.request('server', 'c', 't').pipe(codeOf)).subscribe();
      at(
        30,
        defer(() => two.communicator.stop()),
      ).subscribe();
      at(
        40,
        defer(() => hub.communicator.stop()),
      ).subscribe();
      flush();
      expect(told.find((line) => line.startsWith('10:'))).toBe('10: site-1, site-2, site-2.job by site-2');
      expect(told.filter((line) => line.startsWith('20:'))).toEqual([]);
      expect(told.findLast((line) => line.startsWith('30:'))).toBe('30: site-1');
      expect(told.at(-1)).toBe('40: over');
    });
  });

  it('are not there again with a neighbour that comes back without them', () => {
    marbles((scheduler, { flush }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j 29ms l 29ms j');
      network.join('site-1.job', 'site-1', 'j 19ms l');
      const [server, , job] = ['server', 'site-1', 'site-1.job'].map(
        (name) => new Cell(network.communicator(name), { scheduler }),
      );
      const told: string[] = [];
      server?.cells$.subscribe((cells) => told.push(`${scheduler.now()}: ${[...cells.keys()].join(', ')}`));
      timer(10, scheduler).subscribe(() => job?.fire('server', 'c', 't'));
      flush();
      expect(told).toContain('10: site-1, site-1.job');
      expect(told.slice(told.indexOf('60: site-1')).filter((line) => line.includes('job'))).toEqual([]);
    });
  });

  it('are at most ten thousand behind neighbours; a neighbour that claims many evicts its own', () => {
    const known = new KnownCells();
    known.note('site-1.job', 'site-1');
    for (let number = 0; number < 20_000; number += 1) known.note(`evil.job-${number}`, 'evil');
    const behind = () => {
      const names = ['site-1', 'evil', ...Array.from({ length: 30 }, (_, number) => `evil-${number}`)];
      const endpoints = names.map((name) => [name, new Endpoint(name, {}, {}, EndpointState.READY)] as const);
      let found: readonly string[] = [];
      known
        .cells(of(new Map(endpoints)))
        .pipe(take(1))
        .subscribe((cells) => {
          found = [...cells.values()].filter(({ fqcn, via }) => fqcn !== via).map(({ fqcn }) => fqcn);
        });
      return found;
    };
    expect(behind()).toHaveLength(1_001);
    for (let number = 0; number < 30_000; number += 1)
      known.note(`evil-${number % 30}.job-${number}`, `evil-${number % 30}`);
    expect(behind()).toHaveLength(10_000);
    expect(behind()).toContain('site-1.job');
  });

  it('are shown ten times a second at most, however many names a neighbour claims', () => {
    const scheduler = new VirtualTimeScheduler();
    const known = new KnownCells();
    const site = new Endpoint('site', {}, {}, EndpointState.READY);
    const seen: [number, number][] = [];
    concat(of(new Map([['site', site]])), NEVER)
      .pipe((endpoints$) => known.cells(endpoints$, scheduler))
      .subscribe((cells) => seen.push([scheduler.now(), cells.size]));
    for (let number = 0; number < 500; number += 1) known.note(`site.job-${number}`, 'site');
    scheduler.flush();
    expect(seen).toEqual([
      [0, 1],
      [0, 2],
      [100, 501],
    ]);
  });

  it('are at most a thousand behind one neighbour, whatever names it claims', () => {
    const known = new KnownCells();
    for (let number = 0; number < 1_010; number += 1) known.note(`site.job-${number}`, 'site');
    let names: readonly string[] = [];
    const site = new Endpoint('site', {}, {}, EndpointState.READY);
    known.cells(of(new Map([['site', site]]))).subscribe((cells) => (names = [...cells.keys()]));
    expect(names).toHaveLength(1_001);
    expect(names.slice(0, 2)).toEqual(['site', 'site.job-10']);
  });
});

describe('diagnostics', () => {
  it('tell who is where, and the way', () => {
    marbles((scheduler, { expectObservable }) => {
      const { hub, one, two, job } = setUp(scheduler);
      for (const cell of [hub, two, job]) new CellDiagnostics(cell).answer();
      const ask = new CellDiagnostics(one, { timeoutMs: 5_000 });
      const sorted = map((names: readonly string[]) => [...names].sort().join(' '));
      expectObservable(at(10, ask.peers('site-2').pipe(sorted))).toBe('10ms (a|)', {
        a: 'server site-2.job',
      });
      // site-1 answers no diagnostics, and says so at once.
      expectObservable(at(20, ask.cells('server').pipe(sorted))).toBe('20ms (a|)', {
        a: 'no reply from site-1: process_exception server site-2 site-2.job',
      });
      expectObservable(at(30, ask.route('site-2.job'))).toBe('30ms (a|)', {
        a: { there: ['site-1', 'server', 'site-2'], back: ['site-2.job', 'site-2', 'server'] },
      });
      expectObservable(at(40, ask.echo('site-2.job').pipe(map((ms) => ms >= 0)))).toBe('40ms (a|)', {
        a: true,
      });
      expectObservable(at(50, ask.conns('site-2').pipe(codeOf))).toBe('50ms (a|)', {
        a: 'process_exception',
      });
    });
  });

  it('are answered where a cell wants to, and no longer', () => {
    marbles((scheduler, { expectObservable }) => {
      const { hub, one } = setUp(scheduler);
      const ask = new CellDiagnostics(one);
      const answering = defer(() => of(new CellDiagnostics(hub).answer()));
      expectObservable(at(10, ask.echo('server').pipe(codeOf))).toBe('10ms (a|)', { a: 'process_exception' });
      const answered$ = answering.pipe(
        switchMap((answers) => ask.peers('server').pipe(tap(() => answers.unsubscribe()))),
      );
      expectObservable(at(20, answered$)).toBe('20ms (a|)', { a: ['site-1', 'site-2'] });
      expectObservable(at(30, ask.peers('server').pipe(codeOf))).toBe('30ms (a|)', {
        a: 'process_exception',
      });
    });
  });

  it('read no more names of an answer than they tell', () => {
    let reads = 0;
    const answer = new Proxy(Array<string>(1_000_000).fill('site-1'), {
      get: (names, key) => {
        reads += 1;
        return Reflect.get(names, key) as unknown;
      },
    });
    expect(firstNames(answer, 3)).toEqual(['site-1', 'site-1', 'site-1']);
    expect(reads).toBeLessThan(20);
    expect([firstNames(['site-1', 2], 3), firstNames('site-1', 3)]).toEqual([[], []]);
  });

  it('tell of ten thousand cells at most', () => {
    marbles((scheduler, { expectObservable }) => {
      const { hub, one, two } = setUp(scheduler);
      new CellDiagnostics(hub).answer();
      for (const site of [one, two])
        site.handle(CHANNEL, 'cells', () => Array<string>(8_000).fill(site.fqcn));
      const counts$ = new CellDiagnostics(one)
        .cells('server')
        .pipe(
          map((names) =>
            ['server', 'site-1', 'site-2'].map((site) => names.filter((name) => name === site).length),
          ),
        );
      expectObservable(at(10, counts$)).toBe('10ms (a|)', { a: [1, 8_000, 1_999] });
    });
  });

  it.each<[keyof CellDiagnostics & ('peers' | 'cells' | 'route' | 'echo' | 'conns'), FobsValue]>([
    ['peers', 'server'],
    ['cells', [1]],
    ['route', null],
    ['echo', new Uint8Array(32)],
    ['conns', []],
  ])('take no other answer to %s', (question, answer) => {
    marbles((scheduler, { expectObservable }) => {
      const { hub, one } = setUp(scheduler);
      hub.handle(CHANNEL, question, () => answer);
      const asked$ = new CellDiagnostics(one)[question]('server') as Observable<unknown>;
      expectObservable(at(10, asked$.pipe(codeOf))).toBe('10ms (a|)', { a: 'invalid_request' });
    });
  });
});
