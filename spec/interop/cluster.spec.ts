import { firstValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { type FobsValue, NdArray } from '../../lib/fobs/index.js';
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

  it('and its cell is asked by a cell at the other one, and by that of the hub there, with streams and arrays', async () => {
    const shared = { server, name: clusterName() };
    const [one, two] = await Promise.all([replica(shared), replica(shared)]);
    const [asking] = [one, two].map(({ hub }) => new Cell(hub, { references: { sendFromBytes: 1_000 } }));
    if (asking === undefined) throw new Error('there are two');
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
      const ask = async (topic: string, payload: FobsValue): Promise<FobsValue> =>
        (await firstValueFrom(asking.request('py', 'app', topic, payload))).payload;
      const bytes = new Uint8Array(10_000_000).map((_, n) => n % 251);
      expect(Buffer.compare((await ask('echo', bytes)) as Uint8Array, bytes)).toBe(0);
    } finally {
      await end();
    }
  });

  it('and pulls arrays from the replica that keeps them', async () => {
    const shared = { server, name: clusterName() };
    const [one, two] = await Promise.all([replica(shared), replica(shared)]);
    const [asking] = [one, two].map(({ hub }) => new Cell(hub, { references: { sendFromBytes: 1_000 } }));
    if (asking === undefined) throw new Error('there are two');
    const end = await startCellPeers(VERSION, [['py', two.url]], 'array_peer.py');
    try {
      await untilState(one.hub, 'py');
      const ask = async (channel: string, topic: string, payload: FobsValue): Promise<FobsValue> =>
        (await firstValueFrom(asking.request('py', channel, topic, payload))).payload;
      const array = NdArray.float32(new Float32Array(1_000).map((_, n) => n));
      // Arrays are kept for those that are known to pull.
      expect(await ask('app', 'echo', { n: 1 })).toEqual({ n: 1 });
      expect(await ask('app', 'echo', { array })).toEqual({ array });
      expect(await ask('task', 'pulls', null)).toBe(1);
    } finally {
      await end();
    }
  });
});
