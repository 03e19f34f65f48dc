import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { Directory, type Entry } from '../../lib/cluster/directory.js';
import { resolveClusterOptions } from '../../lib/cluster/options.js';
import { Endpoint } from '../../lib/index.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName } from './cluster-of.js';

let server: NatsServer;
let nats: NatsConnection;
let directory: Directory;

beforeEach(async () => {
  server = await NatsServer.start({ jetStream: true });
  nats = await connect({ servers: server.address });
  const options = resolveClusterOptions({ nats: { servers: server.address }, name: clusterName() });
  directory = new Directory({ nats }, options, 100);
  await directory.watch(
    () => undefined,
    () => undefined,
  );
});
afterEach(async () => {
  directory.close();
  await nats.close();
  await server.stop();
});

const entryOf = (name: string): Entry => ({ replica: 'host-1', generation: 1, endpoint: new Endpoint(name) });

it('writes no entry for a newcomer that has gone before its turn came', async () => {
  let isThere = true;
  const before = Array.from({ length: 300 }, (_, n) => directory.write(entryOf(`site-${n}`), 0, () => true));
  const gone = directory.write(entryOf('gone'), 0, () => isThere);
  const behind = directory.write(entryOf('behind'), 0, () => true);
  isThere = false;
  expect((await Promise.all(before)).every((revision) => (revision ?? 0) > 0)).toBe(true);
  expect(await gone).toBe(undefined);
  expect(await behind).toBeGreaterThan(0);
  expect(await directory.read('gone')).toEqual({ revision: 0, entry: undefined });
});
