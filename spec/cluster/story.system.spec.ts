import { afterAll, beforeAll, describe } from 'vitest';

import { cluster } from '../../lib/cluster/index.js';
import { underEach } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName } from './cluster-of.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
  // Each is the only replica of a cluster of its own. NATS knows no virtual time.
  underEach(({ scheduler }) =>
    scheduler === undefined
      ? { cluster: cluster({ nats: { servers: server.address }, name: clusterName() }) }
      : {},
  );
});
afterAll(async () => {
  underEach(() => ({}));
  await server.stop();
});

describe('with a cluster under each communicator', async () => {
  await import('../story.spec.js');
  await import('../communicator.spec.js');
  await import('../communicator-endpoints.spec.js');
  await import('../replaced.spec.js');
  await import('../refused.spec.js');
  await import('../bad-input.spec.js');
});
