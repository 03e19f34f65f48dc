import { firstValueFrom } from 'rxjs';

import type { ClusterOptions } from '../../../lib/cluster/index.js';
import { NatsServer } from '../../support/nats-server.js';
import { Child } from '../child.js';
import type { SiteRequest } from '../hop-site.js';
import { Communicator, type CommunicatorOf, Endpoint, loadCluster } from '../package.js';
import type { System } from '../system.js';
import { answer, APP, listen, rxflare, sender } from './rxflare.js';

/** The answers of a site reach every replica: any may have asked. */
const ANSWERS_TO_EVERY = { [APP]: 'every' } as const;

/** The application at one replica sends to a site at another one. */
export const replicaHop: System = {
  name: 'rxflare',
  transport: 'hop',
  async serve() {
    const nats = await NatsServer.start({ jetStream: true });
    const hub = await replicaAt(nats.address, ANSWERS_TO_EVERY);
    const { connectUrl } = await listen(hub, 'tcp://127.0.0.1:0');
    const site = new Child<SiteRequest>(new URL('../hop-site.ts', import.meta.url));
    await site.ask({ connectTo: connectUrl });
    return {
      address: nats.address,
      beside: [nats.pid, site.pid],
      async close() {
        await site.end();
        await hub.stop();
        await nats.stop();
      },
    };
  },
  async connect(address) {
    const hub = await replicaAt(address, ANSWERS_TO_EVERY);
    await hub.start();
    await firstValueFrom(hub.ready('site-1'));
    return sender(hub, 'site-1');
  },
};

/** A site sends to the application at its replica. */
export const replicaLocal: System = {
  ...rxflare('tcp'),
  transport: 'replica',
  async serve() {
    const nats = await NatsServer.start({ jetStream: true });
    const hub = await replicaAt(nats.address);
    answer(hub);
    const { connectUrl } = await listen(hub, 'tcp://127.0.0.1:0');
    return {
      address: connectUrl,
      beside: [nats.pid],
      async close() {
        await hub.stop();
        await nats.stop();
      },
    };
  },
};

/** The same where the hub is one process. */
export const replicaAlone: System = { ...rxflare('tcp'), name: 'rxflare, no cluster', transport: 'replica' };

async function replicaAt(servers: string, deliver: ClusterOptions['deliver'] = {}): Promise<CommunicatorOf> {
  const { cluster } = await loadCluster();
  return new Communicator(new Endpoint('hub'), {
    cluster: cluster({ nats: { servers }, name: 'bench', deliver }),
  });
}
