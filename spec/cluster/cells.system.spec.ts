import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica } from './cluster-of.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

it('a cell asks one at another replica, through the server cells of both; so do the server cells themselves', async () => {
  const shared = { server, name: clusterName() };
  const [one, two] = await Promise.all([replica(shared), replica(shared)]);
  const [firstServer, secondServer] = [new Cell(one.hub), new Cell(two.hub)];
  const sites = [
    ['site-1', one.url],
    ['site-2', two.url],
  ].map(([name = '', url = '']) => {
    const site = communicator(name);
    site.addConnector(url, Mode.ACTIVE);
    const cell = new Cell(site);
    cell.handle('training', 'progress', ({ payload }) => ({ round: payload, of: name }));
    return { site, cell };
  });
  await Promise.all(sites.map(({ site }) => site.start()));
  for (const { hub } of [one, two]) for (const name of ['site-1', 'site-2']) await untilState(hub, name);
  for (const { site } of sites) await untilState(site, 'server');

  const asker = sites[0]?.cell;
  if (asker === undefined) throw new Error('there are two');
  const fromSite = await firstValueFrom(asker.request('site-2', 'training', 'progress', 1));
  expect(fromSite.payload).toEqual({ round: 1, of: 'site-2' });
  const fromServer = await firstValueFrom(firstServer.request('site-2', 'training', 'progress', 2));
  expect(fromServer.payload).toEqual({ round: 2, of: 'site-2' });
  const outcomes = await lastValueFrom(
    secondServer.broadcast(['site-1', 'site-2'], 'training', 'progress', 3).pipe(toArray()),
  );
  expect(outcomes.map(({ target, reply }) => [target, reply?.payload]).sort()).toEqual([
    ['site-1', { round: 3, of: 'site-1' }],
    ['site-2', { round: 3, of: 'site-2' }],
  ]);
});
