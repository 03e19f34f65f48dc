import { firstValueFrom, lastValueFrom, mergeMap, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { Cell, type CellOptions } from '../../lib/cellnet/index.js';
import { NdArray } from '../../lib/fobs/index.js';
import { stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica, site } from './cluster-of.js';

/** Much more than a window of a stream. */
const LARGE_BYTES = 40_000_000;

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

interface Net {
  /** The cell of the hub at the replica of the first site, and at that of the second. */
  readonly hubs: readonly [Cell, Cell];
  readonly cells: readonly [Cell, Cell];
}

/** Two replicas, each with a cell of the hub and a site. Each site answers `progress` with what it got. */
async function net(options: CellOptions = {}): Promise<Net> {
  const shared = { server, name: clusterName() };
  const [one, two] = await Promise.all([replica(shared), replica(shared)]);
  const hubs = [new Cell(one.hub, options), new Cell(two.hub, options)] as const;
  const [first, second] = await Promise.all([site('site-1', one), site('site-2', two)]);
  const cells = [new Cell(first, options), new Cell(second, options)] as const;
  await Promise.all([untilState(one.hub, 'site-2'), untilState(two.hub, 'site-1')]);
  for (const cell of cells)
    cell.handle('training', 'progress', ({ payload }) => ({ of: cell.fqcn, round: payload }));
  return { hubs, cells };
}

it('a cell asks one at another replica, through the server cells of both; so do the server cells themselves', async () => {
  const { hubs, cells } = await net();
  const [asker] = cells;
  const fromSite = await firstValueFrom(asker.request('site-2', 'training', 'progress', 1));
  expect(fromSite.payload).toEqual({ round: 1, of: 'site-2' });
  const fromServer = await firstValueFrom(hubs[0].request('site-2', 'training', 'progress', 2));
  expect(fromServer.payload).toEqual({ round: 2, of: 'site-2' });
  const outcomes = await lastValueFrom(
    hubs[1].broadcast(['site-1', 'site-2'], 'training', 'progress', 3).pipe(toArray()),
  );
  expect(outcomes.map(({ target, reply }) => [target, reply?.payload]).sort()).toEqual([
    ['site-1', { round: 3, of: 'site-1' }],
    ['site-2', { round: 3, of: 'site-2' }],
  ]);
  for (const hub of hubs) expect(hub.stats.lateReplies).toBe(0);
});

it.each([0, 1])('the server cell of replica %i sends a stream to a site at the first', async (at) => {
  const { hubs, cells } = await net();
  const source = new Uint8Array(LARGE_BYTES).map((_, n) => n % 251);
  const received = firstValueFrom(cells[0].streams('files', 'model').pipe(mergeMap(({ bytes$ }) => bytes$)));
  const hub = hubs[at as 0 | 1];
  await lastValueFrom(hub.sendStream('site-1', 'files', 'model', source, { confirmMs: 50_000 }));
  expect(Buffer.compare(await received, source)).toBe(0);
});

it('requests and replies that are streams find the replica that asked', async () => {
  const { hubs } = await net();
  const payload = new Uint8Array(LARGE_BYTES).map((_, n) => n % 241);
  const [fromOne, fromTwo] = await Promise.all(
    hubs.map((hub) => firstValueFrom(hub.request('site-2', 'training', 'progress', payload))),
  );
  for (const reply of [fromOne, fromTwo]) {
    const { of, round } = reply?.payload as { of: string; round: Uint8Array };
    expect([of, Buffer.compare(round, payload)]).toEqual(['site-2', 0]);
  }
});

it('arrays by reference are pulled from the replica that keeps them, and from the site', async () => {
  const { hubs, cells } = await net({ references: { sendFromBytes: 1_000 }, dialect: '2.7' });
  const array = NdArray.float32(new Float32Array(10_000).map((_, n) => n));
  // Arrays are kept for those that are known to pull.
  for (const hub of hubs)
    for (const name of ['site-1', 'site-2'])
      await firstValueFrom(hub.request(name, 'training', 'progress', { round: 0 }));
  for (const hub of hubs)
    for (const name of ['site-1', 'site-2']) {
      const { payload } = await firstValueFrom(hub.request(name, 'training', 'progress', { array }));
      expect(payload).toEqual({ of: name, round: { array } });
    }
  expect(cells.map(({ stats }) => stats.malformed)).toEqual([0, 0]);
});

it('what comes back undelivered finds the replica that asked', async () => {
  const { hubs } = await net();
  const asked = firstValueFrom(hubs[0].request('site-2.none', 'training', 'progress', 1));
  await expect(asked).rejects.toMatchObject({ returnCode: 'comm_error' });
  const sent = lastValueFrom(
    hubs[0].sendStream('site-2.none', 'files', 'model', new Uint8Array(10), { confirmMs: 50_000 }),
  );
  await expect(sent).rejects.toMatchObject({ returnCode: 'comm_error' });
});
