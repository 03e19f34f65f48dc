import { filter, firstValueFrom, map, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import type { ClusterOptions } from '../../lib/cluster/index.js';
import { cluster } from '../../lib/cluster/index.js';
import { type Communicator, Endpoint, EndpointState, type LifecycleEvent, Mode } from '../../lib/index.js';
import { communicator, nextEvent, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica, site } from './cluster-of.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

type ClusterEvent = Extract<LifecycleEvent, { type: 'cluster' }>;
const replicaTimeoutMs = 1_000;
const isCluster = (event: LifecycleEvent): event is ClusterEvent => event.type === 'cluster';

/** What a hub tells of its cluster from now on, until it stops. */
function toldBy({ lifecycle$ }: Communicator): Promise<readonly (readonly unknown[])[]> {
  const told$ = lifecycle$.pipe(
    filter(isCluster),
    map(({ change, replica }) => (replica === undefined ? [change] : [change, replica])),
  );
  return firstValueFrom(told$.pipe(toArray()));
}

function nextOf({ lifecycle$ }: Communicator, change: ClusterEvent['change']): Promise<ClusterEvent> {
  return firstValueFrom(
    lifecycle$.pipe(
      filter(isCluster),
      filter((event) => event.change === change),
    ),
  );
}

it('a replica tells that another one has joined and left, and nothing of its own coming and going', async () => {
  const shared = { server, name: clusterName() };
  const one = await replica(shared);
  const told = toldBy(one.hub);
  const joined = nextOf(one.hub, 'replica-joined');
  const two = await replica(shared);
  const toldByTwo = toldBy(two.hub);
  await joined;
  const left = nextOf(one.hub, 'replica-left');
  await two.hub.stop();
  expect((await left).message).toBe(`replica ${two.view.replica} has left`);
  await one.hub.stop();
  expect(await told).toEqual([
    ['replica-joined', two.view.replica],
    ['replica-left', two.view.replica],
  ]);
  expect(await toldByTwo).toEqual([]);
});

it('a replica tells that NATS is away and back, and why newcomers do not get in meanwhile', async () => {
  const nats = await NatsServer.start({ jetStream: true });
  try {
    const options = { handshakeTimeoutMs: 1_000 };
    const hub = await replica({ server: nats, name: clusterName(), options });
    const told = toldBy(hub.hub);
    await site('site-1', hub);
    const away = nextOf(hub.hub, 'disconnected');
    await nats.kill();
    expect((await away).message).toMatch(/^NATS is away: /);
    const late = communicator('site-2', options);
    late.addConnector(hub.url, Mode.ACTIVE);
    const refusal = firstValueFrom(
      hub.hub.lifecycle$.pipe(filter((event) => event.type === 'disconnected' && event.error !== undefined)),
    );
    await late.start();
    expect(await refusal).toMatchObject({
      error: { message: expect.stringContaining('name site-2 is free: NATS is away') as unknown },
    });
    const back = nextOf(hub.hub, 'connected');
    await nats.startAgain();
    await Promise.all([back, untilState(hub.hub, 'site-2')]);
    expect(hub.hub.findEndpoint('site-1')?.state).toBe(EndpointState.READY);
    await hub.hub.stop();
    expect(await told).toEqual([['disconnected'], ['connected']]);
  } finally {
    await stopAll();
    await nats.stop();
  }
});

it.each<[string, string, Partial<ClusterOptions>]>([
  ['local name', 'hub', { replicaTimeoutMs }],
  ['replicaTimeoutMs', 'server', { replicaTimeoutMs: 2_000 }],
])('one with another %s is refused, and the others tell of it', async (_, localName, more) => {
  const name = clusterName();
  const one = await replica({ server, name, cluster: { replicaTimeoutMs } });
  const differs = nextOf(one.hub, 'replica-differs');
  const view = cluster({ nats: { servers: server.address }, name, ...more });
  const hub = communicator(new Endpoint(localName), { cluster: view });
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const listening = nextEvent(hub, 'listening').catch(() => undefined);
  const needed = 'all replicas of a cluster need the same';
  const [there, here] =
    localName === 'hub' ? ['is "server"', '"hub"'] : ['has replicaTimeoutMs 1000', '2000'];
  const difference = `${one.view.replica} ${there}, and this one ${here}: ${needed}`;
  const message = expect.stringContaining(difference) as unknown;
  await expect(hub.start()).rejects.toMatchObject({ code: 'BAD_CONFIG', message });
  expect((await differs).replica).toBe(view.replica);
  await hub.stop();
  expect(await listening).toBe(undefined);
  await expect.poll(() => one.view.replicas).toEqual([]);
});
