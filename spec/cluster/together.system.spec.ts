import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';
import { concatMap, filter, firstValueFrom, from, map, race, take, timer, toArray } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import {
  type Communicator,
  EndpointState,
  type LifecycleEvent,
  Mode,
  textMessage,
  textOf,
} from '../../lib/index.js';
import type { Deliver } from '../../lib/cluster/index.js';
import { communicator, nextEvent, stopAll, untilState } from '../support/communicators.js';
import { NatsServer } from '../support/nats-server.js';
import { clusterName, replica, site, type TestCluster, type TestReplica } from './cluster-of.js';

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start({ jetStream: true });
});
afterAll(() => server.stop());
afterEach(stopAll);

const APP_ID = 100;

function newCluster(more: Partial<TestCluster> = {}): TestCluster {
  return { server, name: clusterName(), ...more };
}

/** Replicas that know each other. */
async function replicas(count: number, shared: TestCluster = newCluster()): Promise<TestReplica[]> {
  const all = await Promise.all(Array.from({ length: count }, () => replica(shared)));
  await expect.poll(() => all.map(({ view }) => view.replicas.length)).toEqual(all.map(() => count - 1));
  return all;
}

/** The numbers of the next messages. */
function numbers(of: Communicator, count: number): Promise<unknown[]> {
  return firstValueFrom(
    of.messages(APP_ID).pipe(
      take(count),
      map(({ message }) => message.headers?.n),
      toArray(),
    ),
  );
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('the endpoints of all replicas', () => {
  it('are known at each, with the replica that has them, and reached from each', async () => {
    const [one, two] = (await replicas(2)) as [TestReplica, TestReplica];
    const first = await site('site-1', one);
    const second = await site('site-2.job~x', two);
    const seen = await untilState(two.hub, 'site-1');
    expect(seen.connProps.replica).toBe(one.view.replica);
    expect(seen.connProps.peer_addr).toBe(one.hub.findEndpoint('site-1')?.connProps.peer_addr);
    await untilState(one.hub, 'site-2.job~x');
    const received = firstValueFrom(
      first.messages(APP_ID).pipe(
        take(3),
        map(({ message }) => textOf(message)),
        toArray(),
      ),
    );
    for (const text of ['a', 'b', 'c']) expect(two.hub.send('site-1', APP_ID, textMessage(text))).toBe(true);
    expect(await received).toEqual(['a', 'b', 'c']);
    const back = firstValueFrom(second.messages(APP_ID));
    one.hub.send('site-2.job~x', APP_ID, textMessage('back'));
    expect(textOf((await back).message)).toBe('back');
  });

  it('are DISCONNECTED everywhere when their connection ends, and lifecycle$ and monitors say at which replica', async () => {
    const [one, two] = (await replicas(2)) as [TestReplica, TestReplica];
    const events: LifecycleEvent[] = [];
    two.hub.lifecycle$
      .pipe(filter(({ type }) => type === 'endpoint'))
      .subscribe((event) => events.push(event));
    const states: string[] = [];
    two.hub.registerMonitor(({ name, state }) => states.push(`${name} ${state}`));
    const first = await site('site-1', one);
    await untilState(two.hub, 'site-1');
    await first.stop();
    await untilState(two.hub, 'site-1', EndpointState.DISCONNECTED);
    expect(states).toEqual(['site-1 READY', 'site-1 DISCONNECTED']);
    expect(events.map((event) => 'replica' in event && event.replica)).toEqual([
      one.view.replica,
      one.view.replica,
    ]);
    expect(() => two.hub.send('site-1', APP_ID, {})).toThrow('not connected');
  });

  it('are all known to a replica before it listens', async () => {
    const shared = newCluster();
    const one = await replica(shared);
    const sites = await Promise.all(upTo(20).map((n) => site(`site-${n}`, one)));
    const late = await replica(shared);
    expect(sites.map((_, n) => late.hub.findEndpoint(`site-${n}`)?.state)).toEqual(
      sites.map(() => EndpointState.READY),
    );
  });

  it('can be removed from another replica, behind what was sent to them', async () => {
    const [one, two] = (await replicas(2)) as [TestReplica, TestReplica];
    const first = await site('site-1', one, { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
    await untilState(two.hub, 'site-1');
    const received = numbers(first, 100);
    const gone = untilState(first, 'server', EndpointState.DISCONNECTED);
    for (const n of upTo(100)) two.hub.send('site-1', APP_ID, { headers: { n } });
    two.hub.removeEndpoint('site-1');
    expect(two.hub.findEndpoint('site-1')?.state).toBe(EndpointState.CLOSING);
    expect(await received).toEqual(upTo(100));
    await gone;
    await expect.poll(() => two.hub.findEndpoint('site-1')).toBeUndefined();
    await expect.poll(() => one.hub.findEndpoint('site-1')).toBeUndefined();
  });
});

describe('messages between replicas', () => {
  it('may be larger than a message of NATS', async () => {
    const [one, two] = (await replicas(2)) as [TestReplica, TestReplica];
    const first = await site('site-1', one);
    await untilState(two.hub, 'site-1');
    const payload = Uint8Array.from({ length: 5_000_001 }, (_, n) => n * 7);
    const received = firstValueFrom(first.messages(APP_ID).pipe(take(2), toArray()));
    two.hub.send('site-1', APP_ID, { headers: { n: 1 }, payload });
    await firstValueFrom(two.hub.drained('site-1'));
    two.hub.send('site-1', APP_ID, { headers: { n: 2 } });
    const [large, small] = await received;
    expect(Buffer.compare(large?.message.payload ?? Buffer.alloc(0), payload)).toBe(0);
    expect(small?.message.headers).toEqual({ n: 2 });
  });

  it('wait for a slow endpoint: send answers false at the other replica, drained waits, and none is lost', async () => {
    const options = { highWaterMarkBytes: 64 * 1024 };
    const [one, two] = (await replicas(2, newCluster({ options }))) as [TestReplica, TestReplica];
    const first = await site('site-1', one);
    await untilState(two.hub, 'site-1');
    const { connection } = await firstConnection(first, two.hub);
    connection.pause();
    const payload = new Uint8Array(10_000);
    let sent = 0;
    // The system's own buffers take some of it.
    while (two.hub.send('site-1', APP_ID, { headers: { n: sent }, payload })) {
      sent += 1;
      await firstValueFrom(timer(0));
    }
    sent += 1;
    const queued = two.hub.stats().endpoints.find(({ name }) => name === 'site-1')?.queued.bytes ?? 0;
    const queuedThere = one.hub.stats().endpoints.find(({ name }) => name === 'site-1')?.queued.bytes ?? 0;
    expect(queued).toBeLessThan(2 * options.highWaterMarkBytes);
    expect(queuedThere).toBeLessThan(3 * options.highWaterMarkBytes);
    const received = numbers(first, sent + 300);
    connection.resume();
    await firstValueFrom(two.hub.drained('site-1'));
    const more = upTo(300).map((n) => ({ headers: { n: sent + n }, payload }));
    expect(await two.hub.sendAll('site-1', APP_ID, more)).toBe(300);
    expect(await received).toEqual(upTo(sent + 300));
    await expect
      .poll(() => two.hub.stats().endpoints.find(({ name }) => name === 'site-1')?.queued.messages)
      .toBe(0);
  });

  it('that do not arrive are told by the replica that sent them, once', async () => {
    const [one, two] = (await replicas(2)) as [TestReplica, TestReplica];
    const first = await site('site-1', one, { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
    await untilState(two.hub, 'site-1');
    const { connection } = await firstConnection(first, two.hub);
    const dropped = { one: [] as LifecycleEvent[], two: [] as LifecycleEvent[] };
    one.hub.lifecycle$
      .pipe(filter(({ type }) => type === 'dropped'))
      .subscribe((event) => dropped.one.push(event));
    two.hub.lifecycle$
      .pipe(filter(({ type }) => type === 'dropped'))
      .subscribe((event) => dropped.two.push(event));
    connection.pause();
    const payload = new Uint8Array(100_000);
    let sent = 0;
    // Until the buffers of the system are full too.
    while ((one.hub.stats().connections[0]?.buffered.bytes ?? 0) < 500_000) {
      if (two.hub.send('site-1', APP_ID, { payload })) sent += 1;
      else {
        sent += 1;
        await firstValueFrom(race(two.hub.drained('site-1'), timer(20)));
      }
      await firstValueFrom(timer(0));
    }
    void connection.close(undefined);
    await first.stop();
    await untilState(two.hub, 'site-1', EndpointState.DISCONNECTED);
    const told = (): number =>
      dropped.two.reduce(
        (sum, event) =>
          event.type === 'dropped' && event.reason === 'disconnected'
            ? sum + event.undelivered.messages + event.unknown.messages
            : sum,
        0,
      );
    const stats = () => two.hub.stats().endpoints.find(({ name }) => name === 'site-1');
    await expect.poll(() => stats()?.queued.messages).toBe(0);
    expect(told()).toBeGreaterThan(0);
    expect(told()).toBeLessThanOrEqual(sent);
    expect((stats()?.undelivered.messages ?? 0) + (stats()?.unknown.messages ?? 0)).toBe(told());
    expect(dropped.one).toEqual([]);
  });
});

describe('one connection per name', () => {
  it('holds when two connect at two replicas at the same moment, many times', async () => {
    const all = await replicas(3);
    for (const round of upTo(15)) {
      const name = `twin-${round}`;
      const twins = all.map(({ url }) => {
        const twin = communicator(name, { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
        twin.addConnector(url, Mode.ACTIVE);
        return twin;
      });
      await Promise.all(twins.map((twin) => twin.start()));
      const connections = (): number =>
        all.reduce(
          (sum, { hub }) =>
            sum + hub.stats().connections.filter(({ endpointName }) => endpointName === name).length,
          0,
        );
      const holders = (): unknown[] => all.map(({ hub }) => hub.findEndpoint(name)?.connProps.replica);
      await expect
        .poll(() => {
          const away = holders();
          const places = new Set(away.map((place, n) => place ?? all[n]?.view.replica));
          const states = all.map(({ hub }) => hub.findEndpoint(name)?.state);
          return [connections(), places.size, states.every((state) => state === EndpointState.READY)];
        })
        .toEqual([1, 1, true]);
      await Promise.all(twins.map((twin) => twin.stop()));
    }
  });

  it('by the rule of the incumbent refuses the second one at another replica', async () => {
    const options = { duplicateName: 'incumbent' } as const;
    const [one, two] = (await replicas(2, newCluster({ options }))) as [TestReplica, TestReplica];
    await site('site-1', one);
    await untilState(two.hub, 'site-1');
    const refused = nextEvent(two.hub, 'refused');
    const second = communicator('site-1', { afterRefusal: 'stop' });
    second.addConnector(two.url, Mode.ACTIVE);
    await second.start();
    expect((await refused).reason).toContain("duplicateName is 'incumbent'");
    expect(one.hub.findEndpoint('site-1')?.state).toBe(EndpointState.READY);
    expect(one.hub.findEndpoint('site-1')?.connProps.replica).toBeUndefined();
  });

  it('by that rule stays at one replica, though it connects to each, until that one stops', async () => {
    const options = { duplicateName: 'incumbent' } as const;
    const all = await replicas(3, newCluster({ options }));
    const wanderer = communicator('wanderer', { reconnectDelayMs: 50, maxReconnectDelayMs: 50 });
    for (const { url } of all) wanderer.addConnector(url, Mode.ACTIVE);
    const states: EndpointState[] = [];
    wanderer.registerMonitor(({ state }) => states.push(state));
    const refusals = firstValueFrom(
      wanderer.lifecycle$.pipe(
        filter(({ type }) => type === 'refused'),
        take(10),
        toArray(),
      ),
    );
    await wanderer.start();
    await refusals;
    expect(states).toEqual([EndpointState.READY]);
    const home = all.find(({ hub }) => {
      const there = hub.findEndpoint('wanderer');
      return there !== undefined && there.connProps.replica === undefined;
    });
    await home?.hub.stop();
    await expect
      .poll(() => states)
      .toEqual([EndpointState.READY, EndpointState.DISCONNECTED, EndpointState.READY]);
  });

  it('moves to the replica of the newcomer, in order, and no message arrives twice', async () => {
    const [one, two, three] = (await replicas(3)) as [TestReplica, TestReplica, TestReplica];
    const got: unknown[] = [];
    // What is in the old connection may arrive after the first on the new one.
    const inOrder: unknown[][] = [];
    const listen = (of: Communicator): void => {
      const here: unknown[] = [];
      inOrder.push(here);
      of.messages(APP_ID).subscribe(({ message }) => {
        here.push(message.headers?.n);
        got.push(message.headers?.n);
      });
    };
    let current = await site('mover', one);
    listen(current);
    await untilState(three.hub, 'mover');
    let lost = 0;
    three.hub.lifecycle$.subscribe((event) => {
      if (event.type === 'dropped' && event.reason === 'disconnected')
        lost += event.undelivered.messages + event.unknown.messages;
    });
    let sent = 0;
    const done = new AbortController();
    const sending = (async () => {
      while (!done.signal.aborted) {
        if (three.hub.findEndpoint('mover')?.state === EndpointState.READY) {
          three.hub.send('mover', APP_ID, { headers: { n: sent } });
          sent += 1;
        }
        await firstValueFrom(timer(1));
      }
    })();
    for (const move of upTo(4)) {
      const target = move % 2 === 0 ? two : one;
      const next = communicator('mover', { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
      listen(next);
      next.addConnector(target.url, Mode.ACTIVE);
      await next.start();
      await expect.poll(() => three.hub.findEndpoint('mover')?.connProps.replica).toBe(target.view.replica);
      // What a connection receives while it closes is lost.
      await Promise.all([
        untilState(next, 'server'),
        untilState(current, 'server', EndpointState.DISCONNECTED),
      ]);
      await current.stop();
      current = next;
    }
    done.abort();
    await sending;
    await expect.poll(() => got.length + lost).toBeGreaterThanOrEqual(sent);
    for (const here of inOrder) expect(here).toEqual([...(here as number[])].sort((a, b) => a - b));
    expect(new Set(got).size).toBe(got.length);
    expect(got.length).toBeGreaterThan(0);
  });
});

describe('stop', () => {
  it('loses nothing that any replica has accepted, and the others see the endpoints go at once', async () => {
    const [one, two] = (await replicas(2, newCluster({ cluster: { replicaTimeoutMs: 600_000 } }))) as [
      TestReplica,
      TestReplica,
    ];
    const first = await site('site-1', one, { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
    const second = await site('site-2', two);
    await Promise.all([untilState(two.hub, 'site-1'), untilState(one.hub, 'site-2')]);
    const received = Promise.all([numbers(first, 2_000), numbers(second, 2_000)]);
    for (const n of upTo(2_000)) {
      two.hub.send('site-1', APP_ID, { headers: { n } });
      one.hub.send('site-2', APP_ID, { headers: { n } });
    }
    await one.hub.stop();
    expect(await received).toEqual([upTo(2_000), upTo(2_000)]);
    await untilState(two.hub, 'site-1', EndpointState.DISCONNECTED);
    expect(two.view.replicas).toEqual([]);
    expect(one.hub.isRunning).toBe(false);
  });

  it('of a replica under fire takes no message that does not arrive', async () => {
    const [one, two] = (await replicas(2)) as [TestReplica, TestReplica];
    const first = await site('site-1', one, { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
    await untilState(two.hub, 'site-1');
    const got: unknown[] = [];
    first.messages(APP_ID).subscribe(({ message }) => got.push(message.headers?.n));
    const dropped: LifecycleEvent[] = [];
    two.hub.lifecycle$
      .pipe(filter(({ type }) => type === 'dropped'))
      .subscribe((event) => dropped.push(event));
    let sent = 0;
    const stopping = firstValueFrom(timer(50).pipe(concatMap(() => from(one.hub.stop()))));
    while (two.hub.findEndpoint('site-1')?.state === EndpointState.READY) {
      two.hub.send('site-1', APP_ID, { headers: { n: sent } });
      sent += 1;
      await firstValueFrom(timer(0));
    }
    await stopping;
    // What is on the wire when the replica has stopped, the site reads afterwards.
    await expect.poll(() => got).toEqual(upTo(sent));
    expect(dropped).toEqual([]);
    expect(sent).toBeGreaterThan(0);
  });
});

describe('what cannot be', () => {
  it('a bucket of another kind is refused, and the error says how it is', async () => {
    const name = clusterName();
    const shared = { server, name };
    const first = await replica({ ...shared, cluster: { storage: 'memory' } });
    await expect(replica(shared)).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining('has storage memory and storageReplicas 1, not file and 1') as string,
    });
    expect(first.view.isConnected).toBe(true);
    await expect(
      replica({ server, name: clusterName(), cluster: { storageReplicas: 3 } }),
    ).rejects.toMatchObject({ code: 'BAD_CONFIG' });
    const older = clusterName();
    const stranger = await connect({ servers: server.address });
    onTestFinished(() => stranger.close());
    await new Kvm(stranger).create(`rxflare_${older}`);
    await expect(replica({ server, name: older })).rejects.toThrow('forgets nothing');
  });

  it.each([
    ['publish', { publish: ['$JS.API.>', '$JS.FC.>', '$KV.>', '_INBOX.>'], subscribe: '>' }],
    ['subscribe', { publish: '>', subscribe: ['_INBOX.>'] }],
  ])('a replica that may not %s on the subjects of its cluster is refused', async (_, permissions) => {
    const folder = await mkdtemp(join(tmpdir(), 'rxflare-nats-'));
    const config = join(folder, 'nats.conf');
    const users = [{ user: 'one', password: 'secret', permissions }];
    await writeFile(config, JSON.stringify({ authorization: { users } }));
    const strict = await NatsServer.start({ jetStream: true, args: ['--config', config] });
    onTestFinished(async () => {
      await strict.stop();
      await rm(folder, { recursive: true });
    });
    const nats = { servers: strict.address, user: 'one', pass: 'secret' };
    const joining = replica({ server: strict, name: clusterName(), cluster: { nats } });
    await expect(joining).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('publish and subscribe what docs/cluster.md lists') as string,
    });
  });

  it('start says that NATS is not there, or has no JetStream', async () => {
    const bare = await NatsServer.start();
    try {
      await expect(replica({ server: bare, name: clusterName() })).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
      });
    } finally {
      await bare.stop();
    }
    await expect(
      replica({
        server: bare,
        name: clusterName(),
        cluster: { nats: { servers: bare.address, reconnect: false } },
      }),
    ).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});

/** The connection of a site, as it sees a message of the hub. */
async function firstConnection(of: Communicator, hub: Communicator) {
  const received = firstValueFrom(of.messages(APP_ID));
  hub.send(of.localEndpoint.name, APP_ID, textMessage('hello'));
  return received;
}

describe('messages of sites', () => {
  const deliver = { 101: 'one', 102: 'every', 103: (): Deliver => 'every' } as const;

  it('come to their replica, to one of all in turn, or to every one, as the app ID says', async () => {
    const [one, two, three] = (await replicas(3, newCluster({ cluster: { deliver } }))) as [
      TestReplica,
      TestReplica,
      TestReplica,
    ];
    const first = await site('site-1', one);
    for (const { hub } of [two, three]) await untilState(hub, 'site-1');
    const all = [one, two, three];
    const got = all.map(() => new Map<number, number[]>());
    all.forEach(({ hub }, at) => {
      for (const appId of [100, 101, 102, 103])
        hub.registerMessageReceiver(appId, ({ endpoint, message }) => {
          expect(endpoint.name).toBe('site-1');
          const of = got[at]?.get(appId) ?? [];
          of.push(message.headers?.n as number);
          got[at]?.set(appId, of);
        });
    });
    for (const n of upTo(300))
      for (const appId of [100, 101, 102, 103]) first.send('server', appId, { headers: { n } });
    const counts = (appId: number): number[] => got.map((of) => of.get(appId)?.length ?? 0);
    await expect
      .poll(() => [100, 101, 102, 103].map(counts))
      .toEqual([
        [300, 0, 0],
        [100, 100, 100],
        [300, 300, 300],
        [300, 300, 300],
      ]);
    const ones = got.flatMap((of) => of.get(101) ?? []);
    expect(new Set(ones).size).toBe(300);
    for (const of of got) expect(of.get(102)).toEqual(upTo(300));
  });

  it('for one of all are lost by none while a replica stops', async () => {
    const [one, two] = (await replicas(2, newCluster({ cluster: { deliver } }))) as [
      TestReplica,
      TestReplica,
    ];
    const first = await site('site-1', one);
    await untilState(two.hub, 'site-1');
    const got: number[] = [];
    const counts = [0, 0];
    [one, two].forEach(({ hub }, at) =>
      hub.registerMessageReceiver(101, ({ message }) => {
        got.push(message.headers?.n as number);
        counts[at] = (counts[at] ?? 0) + 1;
      }),
    );
    let sent = 0;
    const stopped = new AbortController();
    const stopping = firstValueFrom(timer(50).pipe(concatMap(() => from(two.hub.stop())))).finally(() =>
      stopped.abort(),
    );
    while (!stopped.signal.aborted) {
      for (const _ of upTo(20)) {
        first.send('server', 101, { headers: { n: sent } });
        sent += 1;
      }
      await firstValueFrom(timer(0));
    }
    await stopping;
    await expect.poll(() => got.length).toBe(sent);
    expect(new Set(got).size).toBe(sent);
    expect(counts.every((count) => count > 0)).toBe(true);
  });

  it('for every replica pause the site while one of them has no room, and none is lost', async () => {
    const options = { highWaterMarkBytes: 64 * 1024, maxPendingBytes: 64 * 1024 };
    const [one, two] = (await replicas(2, newCluster({ options, cluster: { deliver } }))) as [
      TestReplica,
      TestReplica,
    ];
    const first = await site('site-1', one, { highWaterMarkBytes: 64 * 1024 });
    await untilState(two.hub, 'site-1');
    let release: (() => void)[] = [];
    let isSlow = true;
    const got: unknown[] = [];
    two.hub.registerMessageReceiver(102, ({ message }) => {
      got.push(message.headers?.n);
      return isSlow ? new Promise<void>((resolve) => release.push(resolve)) : undefined;
    });
    one.hub.registerMessageReceiver(102, () => undefined);
    const payload = new Uint8Array(10_000);
    let sent = 0;
    const isPaused = (): boolean => one.hub.stats().connections.some((connection) => connection.isPaused);
    while (!isPaused()) {
      first.send('server', 102, { headers: { n: sent }, payload });
      sent += 1;
      await firstValueFrom(timer(0));
    }
    expect(got.length).toBeLessThan(sent);
    isSlow = false;
    for (const done of release) done();
    release = [];
    await expect.poll(() => got).toEqual(upTo(sent));
    await expect.poll(isPaused).toBe(false);
  });
});
