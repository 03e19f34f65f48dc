import { connect } from '@nats-io/transport-node';
import { filter, firstValueFrom, map, take, timer, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { Directory } from '../../lib/cluster/directory.js';
import { resolveClusterOptions } from '../../lib/cluster/options.js';
import {
  type Communicator,
  Endpoint,
  EndpointState,
  type LifecycleEvent,
  Mode,
  textMessage,
} from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica, site, type TestReplica } from './cluster-of.js';
import { ReplicaProcess } from './replica-process.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

const APP_ID = 100;
const { READY, DISCONNECTED } = EndpointState;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** A site that goes to the replicas in turn, as one behind a load balancer does. */
async function siteOf(name: string, ...urls: readonly string[]): Promise<Communicator> {
  const made = communicator(name, { heartbeatIntervalMs: 200, heartbeatTimeoutMs: 500 });
  for (const url of urls) made.addConnector(url, Mode.ACTIVE);
  await made.start();
  await untilState(made, 'server');
  return made;
}

function where({ hub }: TestReplica, name: string): unknown {
  const endpoint = hub.findEndpoint(name);
  return [endpoint?.state, endpoint?.connProps.replica];
}

describe('a replica that is killed', () => {
  it('is missed within the bound, its endpoints come back elsewhere, and no entry stays', async () => {
    const name = clusterName();
    const shared = { server, name, cluster: { replicaTimeoutMs: 1_000 } };
    const [one, two] = await Promise.all([replica(shared), replica(shared)]);
    await using victim = await ReplicaProcess.start({
      server: server.address,
      name,
      replicaTimeoutMs: 1_000,
    });
    const { id, url } = victim.first;
    const sites = await Promise.all(upTo(10).map((n) => siteOf(`site-${n}`, url)));
    for (const n of upTo(10)) await untilState(one.hub, `site-${n}`);
    const dropped: LifecycleEvent[] = [];
    one.hub.lifecycle$
      .pipe(filter(({ type }) => type === 'dropped'))
      .subscribe((event) => dropped.push(event));
    await victim.kill();
    one.hub.send('site-0', APP_ID, textMessage('to nobody'));
    for (const n of upTo(10)) await untilState(one.hub, `site-${n}`, DISCONNECTED);
    for (const n of upTo(10)) await untilState(two.hub, `site-${n}`, DISCONNECTED);
    expect(one.view.replicas).not.toContain(id);
    // What was on its way may have arrived.
    expect(dropped).toMatchObject([{ endpointName: 'site-0', unknown: { messages: 1 } }]);
    for (const each of sites) each.addConnector(two.url, Mode.ACTIVE);
    for (const n of upTo(10)) await untilState(one.hub, `site-${n}`);
    expect(upTo(10).map((n) => where(one, `site-${n}`))).toEqual(
      upTo(10).map(() => [READY, two.view.replica]),
    );
    // One that joins now sees nothing of the dead one.
    const late = await replica(shared);
    expect(late.view.replicas).not.toContain(id);
    expect(upTo(10).map((n) => where(late, `site-${n}`))).toEqual(
      upTo(10).map(() => [READY, two.view.replica]),
    );
  });

  it('leaves its names to newcomers, who need not wait for its entries to be cleaned up', async () => {
    const name = clusterName();
    const one = await replica({ server, name, cluster: { replicaTimeoutMs: 1_000 } });
    await using victim = await ReplicaProcess.start({
      server: server.address,
      name,
      replicaTimeoutMs: 1_000,
    });
    const first = await siteOf('site-1', victim.first.url, one.url);
    await untilState(one.hub, 'site-1');
    await victim.kill();
    await expect.poll(() => where(one, 'site-1')).toEqual([READY, undefined]);
    const received = firstValueFrom(first.messages(APP_ID));
    one.hub.send('site-1', APP_ID, textMessage('again'));
    await received;
  });
});

describe('a replica that is frozen', () => {
  it('is missed within the bound, and takes its endpoints back when it goes on, where nobody has them', async () => {
    const name = clusterName();
    const one = await replica({ server, name, cluster: { replicaTimeoutMs: 1_000 } });
    await using frozen = await ReplicaProcess.start({
      server: server.address,
      name,
      replicaTimeoutMs: 1_000,
    });
    const { id, url } = frozen.first;
    const patient = communicator('patient');
    patient.addConnector(url, Mode.ACTIVE);
    await patient.start();
    const impatient = communicator('impatient', { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
    impatient.addConnector(url, Mode.ACTIVE);
    await impatient.start();
    await Promise.all([untilState(one.hub, 'patient'), untilState(one.hub, 'impatient')]);
    await Promise.all([untilState(patient, 'server'), untilState(impatient, 'server')]);
    frozen.signal('SIGSTOP');
    await untilState(one.hub, 'patient', DISCONNECTED);
    await untilState(one.hub, 'impatient', DISCONNECTED);
    const again = await site('impatient', one);
    frozen.signal('SIGCONT');
    await expect.poll(() => where(one, 'patient')).toEqual([READY, id]);
    expect(where(one, 'impatient')).toEqual([READY, undefined]);
    // It has closed its connection of the name that another one has.
    await untilState(impatient, 'server', DISCONNECTED);
    await expect
      .poll(async () => new Map((await frozen.look()).endpoints.map(([of, state, at]) => [of, [state, at]])))
      .toEqual(
        new Map([
          ['patient', [READY, null]],
          ['impatient', [READY, one.view.replica]],
        ]),
      );
    const received = Promise.all([patient, again].map((each) => firstValueFrom(each.messages(APP_ID))));
    one.hub.send('patient', APP_ID, textMessage('hello'));
    one.hub.send('impatient', APP_ID, textMessage('hello'));
    await received;
  });
});

describe.each(['file', 'memory'] as const)(
  'NATS that is killed and comes back, with storage %s',
  (storage) => {
    it('costs no connection of a site and no message, and all replicas agree again', async () => {
      const own = await NatsServer.start({ jetStream: true });
      try {
        const shared = { server: own, name: clusterName(), cluster: { storage, replicaTimeoutMs: 30_000 } };
        const [one, two] = await Promise.all([replica(shared), replica(shared)]);
        const first = await site('site-1', one);
        const second = await site('site-2', two);
        await Promise.all([untilState(two.hub, 'site-1'), untilState(one.hub, 'site-2')]);
        const ended: LifecycleEvent[] = [];
        for (const { hub } of [one, two])
          hub.lifecycle$
            .pipe(filter(({ type }) => type === 'disconnected' || type === 'dropped'))
            .subscribe((event) => ended.push(event));
        const received = firstValueFrom(
          first.messages(APP_ID).pipe(
            take(200),
            map(({ message }) => message.headers?.n),
            toArray(),
          ),
        );
        for (const n of upTo(100)) two.hub.send('site-1', APP_ID, { headers: { n } });
        await own.kill();
        await expect.poll(() => [one.view.isConnected, two.view.isConnected]).toEqual([false, false]);
        // Local traffic goes on.
        const local = firstValueFrom(second.messages(APP_ID));
        two.hub.send('site-2', APP_ID, textMessage('local'));
        await local;
        for (const n of upTo(100)) {
          if (two.hub.findEndpoint('site-1')?.state === READY)
            two.hub.send('site-1', APP_ID, { headers: { n: 100 + n } });
        }
        await own.startAgain();
        expect(await received).toEqual(upTo(200));
        await expect.poll(() => [one.view.isConnected, two.view.isConnected]).toEqual([true, true]);
        await expect.poll(() => where(two, 'site-1')).toEqual([READY, one.view.replica]);
        await expect.poll(() => where(one, 'site-2')).toEqual([READY, two.view.replica]);
        expect(ended).toEqual([]);
        const third = await site('site-3', one);
        await untilState(two.hub, 'site-3');
        const late = await replica(shared);
        expect(upTo(3).map((n) => late.hub.findEndpoint(`site-${n + 1}`)?.state)).toEqual([
          READY,
          READY,
          READY,
        ]);
        await third.stop();
        await untilState(late.hub, 'site-3', DISCONNECTED);
      } finally {
        await stopAll();
        await own.stop();
      }
    });

    it('for longer than the bound, the others are DISCONNECTED until it is back', async () => {
      const own = await NatsServer.start({ jetStream: true });
      try {
        const shared = { server: own, name: clusterName(), cluster: { storage, replicaTimeoutMs: 500 } };
        const [one, two] = await Promise.all([replica(shared), replica(shared)]);
        const first = await site('site-1', one);
        await untilState(two.hub, 'site-1');
        await own.kill();
        await untilState(two.hub, 'site-1', DISCONNECTED);
        expect(one.hub.findEndpoint('site-1')?.state).toBe(READY);
        // One that goes meanwhile is not there when NATS is back.
        const second = communicator('site-2');
        second.addConnector(one.url, Mode.ACTIVE);
        await second.start();
        await first.stop();
        await untilState(one.hub, 'site-1', DISCONNECTED);
        await own.startAgain();
        await untilState(two.hub, 'site-2');
        await untilState(one.hub, 'site-2');
        await firstValueFrom(timer(700));
        // Until its replica has read what NATS has, its entry is there.
        await untilState(two.hub, 'site-1', DISCONNECTED);
        const late = await replica(shared);
        expect(late.hub.findEndpoint('site-1')).toBeUndefined();
      } finally {
        await stopAll();
        await own.stop();
      }
    });
  },
);

describe('a connection of the application that takes no more', () => {
  it('costs the cluster, and nothing else', async () => {
    const name = clusterName();
    const nats = await connect({ servers: server.address });
    const shared = { server, name, options: { drainTimeoutMs: 500 } };
    const one = await replica(shared);
    const two = await replica({ ...shared, cluster: { nats } });
    await site('site-1', one);
    const second = await site('site-2', two);
    await untilState(two.hub, 'site-1');
    let refusals = 0;
    // As one that drains.
    nats.publish = () => {
      refusals += 1;
      throw new Error('draining');
    };
    two.hub.send('site-1', APP_ID, textMessage('to nobody'));
    await expect.poll(() => refusals).toBeGreaterThan(0);
    const received = firstValueFrom(second.messages(APP_ID));
    two.hub.send('site-2', APP_ID, textMessage('local'));
    await received;
    await two.hub.stop();
    await nats.close();
  });
});

describe('NATS that is out of reach for longer than the bound, and is not closed', () => {
  it('makes the others DISCONNECTED, and what was accepted arrives once it is back, in order and once', async () => {
    const own = await NatsServer.start({ jetStream: true });
    try {
      const shared = { server: own, name: clusterName(), cluster: { replicaTimeoutMs: 2_000 } };
      const [one, two] = await Promise.all([replica(shared), replica(shared)]);
      const first = await site('site-1', one);
      await untilState(two.hub, 'site-1');
      const got: unknown[] = [];
      first.messages(APP_ID).subscribe(({ message }) => got.push(message.headers?.n));
      let lost = 0;
      two.hub.lifecycle$.subscribe((event) => {
        if (event.type === 'dropped' && event.reason === 'disconnected')
          lost += event.undelivered.messages + event.unknown.messages;
      });
      own.freeze();
      for (const n of upTo(10)) two.hub.send('site-1', APP_ID, { headers: { n } });
      await untilState(two.hub, 'site-1', DISCONNECTED);
      expect(one.hub.findEndpoint('site-1')?.state).toBe(READY);
      own.thaw();
      await untilState(two.hub, 'site-1');
      await expect.poll(() => where(two, 'site-1')).toEqual([READY, one.view.replica]);
      two.hub.send('site-1', APP_ID, { headers: { n: 10 } });
      await expect.poll(() => got.at(-1)).toBe(10);
      // What was on its way when the other one counted as gone may have arrived, and was told.
      expect(got).toEqual([...new Set(got)].sort((a, b) => Number(a) - Number(b)));
      expect(got.length + lost).toBeGreaterThanOrEqual(11);
    } finally {
      own.thaw();
      await stopAll();
      await own.stop();
    }
  });

  it('takes no name from a site that lives, though its replica counts as gone', async () => {
    const own = await NatsServer.start({ jetStream: true });
    try {
      const options = { duplicateName: 'incumbent', handshakeTimeoutMs: 1_000 } as const;
      const shared = { server: own, name: clusterName(), cluster: { replicaTimeoutMs: 500 }, options };
      const [one, two] = await Promise.all([replica(shared), replica(shared)]);
      const first = await site('site-1', one);
      await untilState(two.hub, 'site-1');
      const ended: LifecycleEvent[] = [];
      first.lifecycle$
        .pipe(filter(({ type }) => type === 'disconnected'))
        .subscribe((event) => ended.push(event));
      own.freeze();
      await untilState(two.hub, 'site-1', DISCONNECTED);
      const rival = communicator('site-1', { reconnectDelayMs: 100, maxReconnectDelayMs: 100 });
      rival.addConnector(two.url, Mode.ACTIVE);
      let refusals = 0;
      rival.lifecycle$
        .pipe(filter(({ type }) => type === 'disconnected' || type === 'refused'))
        .subscribe(() => (refusals += 1));
      await rival.start();
      await expect.poll(() => refusals).toBeGreaterThan(1);
      own.thaw();
      await untilState(two.hub, 'site-1');
      await expect.poll(() => where(two, 'site-1')).toEqual([READY, one.view.replica]);
      const before = refusals;
      await expect.poll(() => refusals).toBeGreaterThan(before + 1);
      await expect.poll(() => where(two, 'site-1')).toEqual([READY, one.view.replica]);
      expect(ended).toEqual([]);
    } finally {
      own.thaw();
      await stopAll();
      await own.stop();
    }
  });
});

it('an entry of a replica that nobody has heard is no endpoint, and goes', async () => {
  const name = clusterName();
  const { hub } = await replica({ server, name, cluster: { replicaTimeoutMs: 500 } });
  const nats = await connect({ servers: server.address });
  const directory = new Directory({ nats }, resolveClusterOptions({ nats, name }), 100);
  await directory.watch(
    () => undefined,
    () => undefined,
  );
  const told: string[] = [];
  hub.lifecycle$.subscribe((event) => {
    if (event.type === 'endpoint') told.push(event.endpoint.name);
  });
  const entry = { replica: 'dead-1', generation: 1, endpoint: new Endpoint('ghost') };
  expect(await directory.write(entry, 0, () => true)).toBeGreaterThan(0);
  await expect.poll(async () => (await directory.read('ghost')).entry).toBe(undefined);
  expect(told).toEqual([]);
  directory.close();
  await nats.close();
});
