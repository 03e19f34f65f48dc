import { filter, firstValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import type { ClusterStats, HopStats } from '../../lib/cluster/index.js';
import { Endpoint, EndpointState, Mode, textMessage } from '../../lib/index.js';
import { serveStats, WATCHER_PROPERTIES } from '../../lib/monitor/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { RxflareProcess } from '../support/rxflare-process.js';
import { clusterName, replica, site } from './cluster-of.js';
import { ReplicaProcess } from './replica-process.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

const APP_ID = 100;
const replicaTimeoutMs = 1_000;

/** The endpoints of each replica, and the messages of each hop. */
function seenIn(stats: ClusterStats | undefined): readonly (readonly [number, Record<string, number>])[] {
  const messagesOf = (hops: readonly HopStats[]): Record<string, number> =>
    Object.fromEntries(hops.map(({ to, messages }) => [to, messages]));
  return (stats?.replicas ?? []).map(({ endpoints, sentTo }) => [endpoints, messagesOf(sentTo)]);
}

it('each of three replicas sees all, their endpoints and the traffic between them; a dead one is gone', async () => {
  const name = clusterName();
  const shared = { server, name, cluster: { replicaTimeoutMs } };
  const [one, two] = await Promise.all([replica(shared), replica(shared)]);
  await using three = await ReplicaProcess.start({ server: server.address, name, replicaTimeoutMs });
  const ids = [one.view.replica ?? '', two.view.replica ?? '', three.first.id];
  const [first, second, third] = ids as [string, string, string];
  await site('site-1', one);
  await site('site-2', two);
  const away = communicator('site-3');
  away.addConnector(three.first.url, Mode.ACTIVE);
  const watcher = communicator(new Endpoint('watcher', WATCHER_PROPERTIES));
  watcher.addConnector(one.url, Mode.ACTIVE);
  await Promise.all([away.start(), watcher.start()]);
  await Promise.all([
    untilState(one.hub, 'site-2'),
    untilState(one.hub, 'watcher'),
    untilState(two.hub, 'site-3'),
  ]);
  for (let n = 0; n < 5; n += 1) one.hub.send('site-2', APP_ID, textMessage('hello'));
  for (let n = 0; n < 3; n += 1) two.hub.send('site-3', APP_ID, textMessage('hello'));

  const byId: Record<string, readonly [number, Record<string, number>]> = {
    [first]: [1, { [second]: 5 }],
    [second]: [1, { [third]: 3 }],
    [third]: [1, {}],
  };
  const all = ids.toSorted().map((id) => byId[id]);
  for (const look of [
    () => one.view.stats(),
    () => two.view.stats(),
    async () => (await three.look()).cluster,
  ])
    await expect.poll(async () => seenIn(await look())).toEqual(all);
  const { cluster, endpoints } = one.hub.stats();
  expect(cluster).toEqual(one.view.stats());
  expect(cluster).toMatchObject({ name, replica: first, isConnected: true, rejected: 0 });
  // What the sender counts is what arrives.
  expect(two.view.stats()?.received).toEqual(cluster?.sent);
  expect(Object.fromEntries(endpoints.map((each) => [each.name, each.replica]))).toEqual({
    'site-1': undefined,
    'site-2': second,
    'site-3': third,
    watcher: undefined,
  });

  const { sent } = two.view.stats() ?? {};
  await three.kill();
  await untilState(two.hub, 'site-3', EndpointState.DISCONNECTED);
  const left = [first, second].sort();
  await expect.poll(() => two.view.stats()?.replicas.map(({ id }) => id)).toEqual(left);
  await expect.poll(() => one.view.stats()?.replicas.map(({ id }) => id)).toEqual(left);
  expect(seenIn(one.view.stats())[left.indexOf(second)]).toEqual([1, {}]);
  // A total never falls.
  expect(two.view.stats()?.sent).toEqual(sent);
});

it('a replica that is about to stop is seen closing, and is gone when it has stopped', async () => {
  const shared = { server, name: clusterName() };
  const [one, two] = await Promise.all([replica(shared), replica(shared)]);
  await site('site-1', one);
  await untilState(two.hub, 'site-1');
  const closing = firstValueFrom(
    two.hub.lifecycle$.pipe(
      filter((event) => event.type === 'endpoint' && event.endpoint.state === EndpointState.CLOSING),
    ),
  );
  const stopped = one.hub.stop();
  expect(one.view.stats()?.replicas.find(({ id }) => id === one.view.replica)?.isClosing).toBe(true);
  await closing;
  const isClosing = (id: string | undefined) =>
    two.view.stats()?.replicas.find((each) => each.id === id)?.isClosing;
  expect([isClosing(one.view.replica), isClosing(two.view.replica)]).toEqual([true, false]);
  await stopped;
  expect(one.view.stats()?.replicas).toEqual([]);
  await expect.poll(() => two.view.stats()?.replicas.map(({ id }) => id)).toEqual([two.view.replica]);
});

it('rxflare top shows the replicas of a hub that serves its stats, and where each endpoint is', async () => {
  const shared = { server, name: clusterName() };
  const [one, two] = await Promise.all([replica(shared), replica(shared)]);
  await site('site-2', two);
  await untilState(one.hub, 'site-2');
  serveStats(one.hub);
  const top = (...args: readonly string[]) => RxflareProcess.run('top', one.url, '--count', '1', ...args);
  const { exitCode, stdout } = await top('--json', '--name', 'watcher');
  expect(exitCode).toBe(0);
  const report = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; stats: unknown })
    .find(({ event }) => event === 'stats');
  const replicas = [one, two].map(({ view }, n) => ({ id: view.replica, endpoints: n, isClosing: false }));
  expect(report?.stats).toMatchObject({
    cluster: {
      name: shared.name,
      replica: one.view.replica,
      replicas: one.view.replica === one.view.stats()?.replicas[0]?.id ? replicas : replicas.toReversed(),
    },
    endpoints: [{ name: 'site-2', replica: two.view.replica }, { name: 'watcher' }],
  });
  expect((await top()).stdout).toContain(`, cluster ${shared.name}: 2 replicas, NATS connected\n`);
});
