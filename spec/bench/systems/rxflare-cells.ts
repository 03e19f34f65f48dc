import { firstValueFrom, lastValueFrom } from 'rxjs';

import { Child } from '../child.js';
import { Cell, Communicator, Endpoint } from '../package.js';
import { chunksOf, inFlight, type Served, type System, timed } from '../system.js';
import { connected, listen } from './rxflare.js';

/** Cells of rxflare on both sides: `site-1` asks `server`. */
export const rxflareCells = cells('rxflare', false);

/** The same, with a receiver of streams that borrows their chunks. */
export const rxflareBorrowingCells: System = {
  ...cells('rxflare, borrowing', true),
  can: ({ kind }) => kind === 'stream',
};

function cells(name: string, borrow: boolean): System {
  return {
    ...asking('server'),
    name,
    async serve() {
      const server = new Communicator(new Endpoint('server'));
      answer(new Cell(server), borrow);
      const { connectUrl } = await listen(server, 'tcp://127.0.0.1:0');
      return { address: connectUrl, close: () => server.stop() };
    },
  };
}

/** `site-1` asks `site-2` by way of `server`. */
export const rxflareRelayed: System = {
  ...asking('site-2'),
  name: 'rxflare, relayed',
  async serve(): Promise<Served> {
    const relay = new Child(new URL('../relay.ts', import.meta.url));
    const address = await relay.ask<string>({ do: 'serve' });
    const site = await connected('site-2', address, 'server');
    answer(new Cell(site), false);
    return {
      address,
      beside: [relay.pid],
      async close() {
        await site.stop();
        await relay.end();
      },
    };
  },
};

function answer(cell: InstanceType<typeof Cell>, borrow: boolean): void {
  cell.handle('bench', 'echo', ({ payload }) => payload);
  let arrived: Promise<unknown> = Promise.resolve();
  cell.streams('bench', 'stream').subscribe((stream) => {
    arrived = lastValueFrom<unknown>(borrow ? stream.consume(() => undefined, { borrow }) : stream.chunks$);
  });
  cell.handle('bench', 'arrived', () => arrived.then(() => undefined));
}

function asking(target: string): Pick<System, 'transport' | 'connect'> {
  return {
    transport: 'cells',
    async connect(address) {
      const site = await connected('site-1', address, 'server');
      const cell = new Cell(site);
      return timed({
        async echo(payload) {
          await firstValueFrom(cell.request(target, 'bench', 'echo', payload));
        },
        pipelined: (payload, count) =>
          inFlight(count, () => firstValueFrom(cell.request(target, 'bench', 'echo', payload))),
        async stream(size) {
          await lastValueFrom(cell.sendStream(target, 'bench', 'stream', chunksOf(size), { size }));
          await firstValueFrom(cell.request(target, 'bench', 'arrived'));
        },
        close: () => site.stop(),
      });
    },
  };
}
