import {
  catchError,
  EMPTY,
  endWith,
  firstValueFrom,
  ignoreElements,
  NEVER,
  type Observable,
  of,
  Subject,
} from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Cell, CellError, ReturnCode } from '../../lib/cellnet/index.js';
import { CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, nextEvent, stopAll, untilState } from '../support/communicators.js';

afterEach(stopAll);

/** A server and a site that has joined it. */
async function setUp(name: string) {
  const url = `inproc://${name}`;
  const hub = communicator(new Endpoint('server'));
  hub.addConnector(url, Mode.PASSIVE);
  const site = communicator(new Endpoint('site-1'));
  site.addConnector(url, Mode.ACTIVE);
  await Promise.all([hub.start(), site.start()]);
  await untilState(hub, 'site-1');
  await untilState(site, 'server');
  return { hub, site };
}

/** How a stream ended, or `open`. */
function endOf(stream: Observable<unknown>): () => unknown {
  let end: unknown = 'open';
  const end$ = stream.pipe(
    ignoreElements(),
    endWith('complete'),
    catchError((error: unknown) => of(error instanceof CellError ? error.returnCode : error)),
  );
  end$.subscribe((is) => (end = is));
  return () => end;
}

describe('a cell', () => {
  it.each([
    ['fails what waits for it', 0, ReturnCode.COMM_ERROR],
    ['goes on waiting within the grace', 60_000, 'open'],
  ])(
    'whose neighbour has another connection in place of its own %s',
    async (_what, reconnectGraceMs, end) => {
      const { hub, site } = await setUp(`replaced-${reconnectGraceMs}`);
      const server = new Cell(hub, { reconnectGraceMs });
      const working = new Subject<number>();
      server.handle('c', 'work', () => working);
      const cell = new Cell(site);
      cell.handle('c', 'silent', () => NEVER);
      const endOfRequest = endOf(server.request('site-1', 'c', 'silent'));
      endOf(cell.request('server', 'c', 'work'));
      await vi.waitUntil(() => working.observed, 30_000);
      const evicted = nextEvent(hub, 'evicted');
      const again = communicator(new Endpoint('site-1'));
      again.addConnector(`inproc://replaced-${reconnectGraceMs}`, Mode.ACTIVE);
      await again.start();
      await evicted;
      expect([endOfRequest(), working.observed]).toEqual([end, end === 'open']);
    },
  );

  it('that asks itself answers itself', async () => {
    const { hub, site } = await setUp('itself');
    for (const cell of [new Cell(hub), new Cell(site)]) {
      cell.handle('c', 'double', ({ payload }) => Number(payload) * 2);
      cell.handle('c', 'length', ({ payload }) => (payload as Uint8Array).length);
      const own = cell.fqcn;
      const asked = [
        cell.request(own, 'c', 'double', 21),
        cell.request(own, 'c', 'length', new Uint8Array(3_000_000)),
      ];
      const replies = await Promise.all(asked.map(async (reply$) => (await firstValueFrom(reply$)).payload));
      expect(replies).toEqual([42, 3_000_000]);
      expect([...(await firstValueFrom(cell.cells$)).keys()]).not.toContain(own);
    }
  });

  it('closes though its goodbye cannot be sent', async () => {
    const { site } = await setUp('goodbye');
    const cell = new Cell(site);
    const end = endOf(cell.requests('c', 't'));
    cell.present({ token: 'x'.repeat(70_000) });
    await cell.close().catch(() => undefined);
    expect(end()).toBe('complete');
  });

  it('closes after its communicator has stopped, and cannot be made of it', async () => {
    const { site } = await setUp('stopped');
    const cell = new Cell(site);
    await site.stop();
    await expect(cell.close()).resolves.toBeUndefined();
    expect(() => new Cell(site)).toThrow(expect.objectContaining({ code: CommErrorCode.CLOSED }) as Error);
  });

  it('that is closed sends and gives nothing any more', async () => {
    const { hub, site } = await setUp('closed');
    const server = new Cell(hub);
    server.handle('c', 't', () => 1);
    const cell = new Cell(site);
    const given = [
      endOf(cell.requests('c', 't')),
      endOf(cell.streams('c', 't')),
      endOf(cell.request('server', 'c', 'silent')),
      endOf(cell.sendStream('server', 'c', 't', NEVER)),
    ];
    server.requests('c', 'silent').subscribe();
    server.streams('c', 't').subscribe();
    const working = new Subject<number>();
    cell.handle('c', 'work', () => working);
    server
      .request('site-1', 'c', 'work')
      .pipe(catchError(() => EMPTY))
      .subscribe();
    await vi.waitUntil(() => working.observed, 30_000);
    await cell.close();
    expect(working.observed).toBe(false);
    const { COMM_ERROR } = ReturnCode;
    expect(given.map((end) => end())).toEqual(['complete', 'complete', COMM_ERROR, COMM_ERROR]);
    const after = [
      endOf(cell.requests('c', 't')),
      endOf(cell.streams('c', 't')),
      endOf(cell.request('server', 'c', 't')),
      endOf(cell.request('server', 'c', 't', 1, { stream: true })),
      endOf(cell.sendStream('server', 'c', 't', NEVER, { reliable: true })),
    ];
    expect(after.map((end) => end())).toEqual(['complete', 'complete', COMM_ERROR, COMM_ERROR, COMM_ERROR]);
    expect(() => cell.fire('server', 'c', 't')).toThrow(CellError);
    await cell.close();
  });
});
