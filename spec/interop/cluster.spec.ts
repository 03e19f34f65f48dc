import { firstValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { EndpointState, Mode, textMessage } from '../../lib/index.js';
import { clusterName, replica } from '../cluster/cluster-of.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { NvflarePeer } from '../support/nvflare-peer.js';
import { startCellPeers } from './cell-peer.js';

const VERSION = '2.9.0';
const APP_ID = 100;

describe.skipIf(inject('interopObstacle') !== '')('a site of NVFlare at one of two replicas', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await NatsServer.start({ jetStream: true });
  });
  afterAll(() => server.stop());
  afterEach(stopAll);

  it('is reached from the other one, moves there, and both see it go', async () => {
    const shared = { server, name: clusterName() };
    const [one, two] = await Promise.all([replica(shared), replica(shared)]);
    await using site = await NvflarePeer.start({ version: VERSION, name: 'site-1' });
    await site.receive(APP_ID);
    await site.connect(one.url);
    await untilState(two.hub, 'site-1');
    two.hub.send('site-1', APP_ID, textMessage('hello', { n: 1 }));
    await site.next((event) => event.event === 'message' && event.app === APP_ID);
    const received = firstValueFrom(one.hub.messages(APP_ID));
    await site.send({ to: 'server', app: APP_ID, size: 10 });
    expect((await received).message.payload?.length).toBe(10);
    // Another of the same name comes to the other replica.
    await using again = await NvflarePeer.start({ version: VERSION, name: 'site-1' });
    await again.receive(APP_ID);
    await again.connect(two.url);
    await expect.poll(() => one.hub.findEndpoint('site-1')?.connProps.replica).toBe(two.view.replica);
    one.hub.send('site-1', APP_ID, textMessage('moved'));
    await again.next((event) => event.event === 'message' && event.app === APP_ID);
    await Promise.all([site.kill(), again.kill()]);
    await untilState(one.hub, 'site-1', EndpointState.DISCONNECTED);
    await untilState(two.hub, 'site-1', EndpointState.DISCONNECTED);
  });

  it('and its cell is asked by a cell at the other one', async () => {
    const shared = { server, name: clusterName() };
    const [one, two] = await Promise.all([replica(shared), replica(shared)]);
    new Cell(one.hub);
    new Cell(two.hub);
    const site = communicator('js');
    site.addConnector(one.url, Mode.ACTIVE);
    const cell = new Cell(site);
    await site.start();
    const end = await startCellPeers(VERSION, [['py', two.url]]);
    try {
      const echoed = await vi.waitUntil(async () => {
        try {
          return (await firstValueFrom(cell.request('py', 'task', 'echo', 'through two replicas'))).payload;
        } catch {
          return undefined;
        }
      }, 30_000);
      expect(echoed).toBe('through two replicas');
    } finally {
      await end();
    }
  });
});
