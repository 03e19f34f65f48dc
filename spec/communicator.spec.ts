import {
  concat,
  defer,
  filter,
  firstValueFrom,
  map,
  NEVER,
  of,
  take,
  toArray,
  VirtualTimeScheduler,
} from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { InProcessDriver } from '../lib/drivers/index.js';
import { CommErrorCode, Endpoint, EndpointState, Mode, textMessage, textOf } from '../lib/index.js';
import { parseUrl } from '../lib/transport/url.js';
import { VirtualNetwork } from '../lib/testing/index.js';
import { testCertificates } from './support/certificates.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { FakeConnection, helloOf } from './support/fake-connection.js';
import { FakeDriver } from './support/fake-driver.js';
import { freePort } from './support/free-port.js';
import { marbles, stateOf, STATES } from './support/marbles.js';
import { hello, RawPeer } from './support/raw-peer.js';

afterEach(stopAll);

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('start and stop', () => {
  it('start resolves when listeners are bound, and needs no peer for active connectors', async () => {
    const hub = communicator('hub');
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    hub.addConnector(`tcp://127.0.0.1:${await freePort()}`, Mode.ACTIVE);
    const retrying = nextEvent(hub, 'retrying');
    await hub.start();
    expect(await retrying).toMatchObject({ mode: 'active', error: { code: CommErrorCode.NOT_READY } });
  });

  it('stop is idempotent, completes the streams, and is the end', async () => {
    const hub = communicator('hub');
    hub.addConnector('inproc://stop', Mode.PASSIVE);
    await hub.start();
    const ends = Promise.all([
      firstValueFrom(hub.lifecycle$.pipe(toArray())),
      firstValueFrom(hub.endpoints$.pipe(toArray())),
      firstValueFrom(hub.messages(1).pipe(toArray())),
    ]);
    expect(hub.stop()).toBe(hub.stop());
    await hub.stop();
    await ends;
    await expect(hub.start()).rejects.toMatchObject({ code: CommErrorCode.CLOSED });
    expect(() => hub.addConnector('inproc://stop', Mode.PASSIVE)).toThrow(/stopped/);
  });

  it('stop gives up after drainTimeoutMs on a peer that does not read, and tells what was lost', async () => {
    const hub = communicator('hub', { drainTimeoutMs: 200, settleTimeoutMs: 0 });
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    using peer = await RawPeer.connect(url);
    peer.socket.pause();
    peer.send(hello({ endpoint_name: 'stuck' }));
    await untilState(hub, 'stuck');
    for (let n = 0; n < 40; n += 1) hub.send('stuck', 1, { payload: new Uint8Array(1_000_000) });
    const dropped = nextEvent(hub, 'dropped');
    await hub.stop();
    const some = { messages: expect.toSatisfy((messages: number) => messages > 0) as number };
    expect(await dropped).toMatchObject({
      reason: 'disconnected',
      endpointName: 'stuck',
      undelivered: some,
    });
  });
});

describe('a connector that starts before its communicator', () => {
  it('has a heartbeat while there are connections, and no timer after them', () => {
    const scheduler = new VirtualTimeScheduler();
    const times = { heartbeatIntervalMs: 1_000, heartbeatTimeoutMs: 2_000, settleTimeoutMs: 0 };
    const hub = communicator('hub', { scheduler, ...times });
    const connection = new FakeConnection();
    const listener = { url: 'fake://hub:1', connections$: concat(of(connection), NEVER) };
    const driver = new FakeDriver(NEVER, concat(of(listener), NEVER), true);
    const ends: unknown[] = [];
    hub.lifecycle$.subscribe((event) => {
      if (event.type === 'disconnected') ends.push(event.error?.code);
    });
    hub.addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl('fake://hub:1'), false, true);
    connection.deliver(helloOf(new Endpoint('site-1')));
    scheduler.maxFrames = 10_000;
    scheduler.flush();
    expect(ends).toEqual([CommErrorCode.TIMEOUT]);
    expect(scheduler.actions).toEqual([]);
  });

  it.each([{}, { port: 1 }])(
    'is CLOSED when stop comes while startListener waits for it: %j',
    async (resources) => {
      const hub = communicator('hub');
      const url = 'fake://hub:1';
      let listen: () => void = () => undefined;
      const listening = new Promise<void>((resolve) => (listen = resolve));
      const listen$ = defer(() => {
        listen();
        return NEVER;
      });
      const driver = new FakeDriver(NEVER, listen$);
      driver.resolveUrls = () => Promise.resolve({ connectUrl: url, listenUrl: url });
      hub.drivers.register(driver);
      const started = hub.startListener('fake', resources).catch((error: unknown) => error);
      await listening;
      await hub.stop();
      expect(await started).toMatchObject({ code: CommErrorCode.CLOSED });
    },
  );
});

describe('who waits for room to send to ourselves', () => {
  it('gets CLOSED when the communicator is stopped', async () => {
    const options = { highWaterMarkBytes: 100, maxPendingBytes: 0, drainTimeoutMs: 1 };
    const hub = communicator('hub', options);
    await hub.start();
    hub.registerMessageReceiver(1, () => new Promise<never>(() => undefined));
    while (hub.send('hub', 1, {}));
    await nextTurn();
    while (hub.send('hub', 1, {}));
    const waiting = [firstValueFrom(hub.drained('hub')), hub.sendAll('hub', 1, [{}])];
    const ends = Promise.allSettled(waiting);
    await hub.stop();
    const closed = { status: 'rejected', reason: { code: CommErrorCode.CLOSED } };
    expect(await ends).toMatchObject([closed, closed]);
  });
});

describe('what send accepted before the end', () => {
  it('comes to ourselves before stop resolves', async () => {
    const hub = communicator('hub');
    const all = firstValueFrom(
      hub.messages(1).pipe(
        map(({ message }) => textOf(message)),
        toArray(),
      ),
    );
    await hub.start();
    for (let n = 0; n < 100; n += 1) hub.send('hub', 1, textMessage(String(n)));
    await hub.stop();
    expect(await all).toEqual(Array.from({ length: 100 }, (_, n) => String(n)));
  });

  it.each(['stop', 'removeConnector'] as const)(
    'arrives though it still waited for the peer to settle: %s',
    async (end) => {
      const [hub, site] = [communicator('hub'), communicator('site-1')];
      const handle = hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
      site.addConnector(await startListening(hub), Mode.ACTIVE);
      const all = firstValueFrom(site.messages(1).pipe(take(20), toArray()));
      const joined = untilState(hub, 'site-1');
      await site.start();
      await joined;
      for (let n = 0; n < 20; n += 1) hub.send('site-1', 1, { headers: { n } });
      await (end === 'stop' ? hub.stop() : hub.removeConnector(handle));
      expect((await all).map(({ message }) => message.headers?.n)).toEqual(
        Array.from({ length: 20 }, (_, n) => n),
      );
    },
  );

  it('is told as dropped where removeConnector cannot deliver it, and later messages are refused', async () => {
    const hub = communicator('hub', { drainTimeoutMs: 200, settleTimeoutMs: 0 });
    const handle = hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    using peer = await RawPeer.connect(await startListening(hub));
    peer.socket.pause();
    peer.send(hello({ endpoint_name: 'stuck' }));
    await untilState(hub, 'stuck');
    for (let n = 0; n < 40; n += 1) hub.send('stuck', 1, { payload: new Uint8Array(1_000_000) });
    const dropped = nextEvent(hub, 'dropped');
    const removed = hub.removeConnector(handle);
    expect(() => hub.send('stuck', 1, {})).toThrow(
      expect.objectContaining({ code: CommErrorCode.NOT_READY }) as Error,
    );
    await removed;
    expect(await dropped).toMatchObject({ reason: 'disconnected', endpointName: 'stuck' });
    expect(() => hub.send('stuck', 1, {})).toThrow(
      expect.objectContaining({ code: CommErrorCode.CLOSED }) as Error,
    );
    expect(hub.stats().connections).toEqual([]);
  });
});

describe('connectors', () => {
  it('startListener chooses a port, tells the URL to connect to, and works before start', async () => {
    const hub = communicator('hub');
    const { handle, connectUrl, params } = await hub.startListener('tcp', { ports: ['20000-40000'] });
    expect(parseUrl(connectUrl)).toMatchObject({ scheme: 'tcp', host: 'localhost', port: params.port });
    expect(params).toMatchObject({ host: '127.0.0.1', ports: ['20000-40000'] });
    const site = communicator('site-1');
    site.addConnector(connectUrl, Mode.ACTIVE);
    await site.start();
    await untilState(hub, 'site-1');
    await hub.removeConnector(handle);
    await untilState(site, 'hub', EndpointState.DISCONNECTED);
    await expect(hub.removeConnector(handle)).rejects.toMatchObject({ code: CommErrorCode.BAD_CONFIG });
  });

  it('startListener advertises and binds the secure scheme', async () => {
    const { ca, hub: pair } = await testCertificates();
    const hub = communicator('hub');
    const resources = { secure: true, ca_cert: ca, server_cert: pair.cert, server_key: pair.key };
    const { connectUrl, params } = await hub.startListener('tcp', resources);
    expect(connectUrl).toMatch(/^stcp:/);
    expect(params.scheme).toBe('stcp');
  });

  it('startListener tells that no port of a range is free', async () => {
    const first = communicator('first');
    const { params } = await first.startListener('tcp');
    const port = params.port ?? 0;
    const second = communicator('second').startListener('tcp', { ports: [port, `${port}-${port}`] });
    await expect(second).rejects.toMatchObject({ code: CommErrorCode.BAD_CONFIG });
  });

  it('removeConnector delivers what send accepted', async () => {
    const hub = communicator('hub');
    const handle = hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const site = communicator('site-1');
    site.addConnector(await startListening(hub), Mode.ACTIVE);
    await site.start();
    await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
    const all = firstValueFrom(site.messages(1).pipe(take(30), toArray()));
    for (let n = 0; n < 30; n += 1)
      hub.send('site-1', 1, { headers: { n }, payload: new Uint8Array(500_000) });
    const removed = hub.removeConnector(handle);
    expect(() => hub.send('site-1', 1, {})).toThrow();
    await removed;
    expect((await all).map(({ message }) => message.headers?.n)).toEqual(
      Array.from({ length: 30 }, (_, n) => n),
    );
  });

  it("a driver of one's own serves its scheme", async () => {
    const [hub, site] = [communicator('hub'), communicator('site-1')];
    const driver = Object.assign(new InProcessDriver({ listeners: new Map() }), { schemes: ['mine'] });
    for (const each of [hub, site]) each.drivers.register(driver);
    hub.addConnector('mine://room', Mode.PASSIVE);
    await hub.start();
    site.addConnector('mine://room', Mode.ACTIVE);
    await site.start();
    await untilState(site, 'hub');
    expect(() => hub.drivers.register(driver)).toThrow(/has a driver already/);
  });

  it('connection properties of the local endpoint win, except for connection_security', async () => {
    const hub = communicator('hub');
    const driver = new FakeDriver(NEVER);
    hub.drivers.register(driver);
    hub.addConnector('fake://127.0.0.1:1?ca_cert=url', Mode.ACTIVE, false, { ca_cert: 'resources' });
    await hub.start();
    expect(driver.params).toMatchObject({ ca_cert: 'resources', host: '127.0.0.1', port: 1 });
  });
});

describe('liveness', () => {
  it('a peer that is silent after a PING is closed with TIMEOUT', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', '-j');
      network.link('site-1', 'hub', '--s');
      // The first look at 5 s, a PING after 30 s of silence, and 75 s for the answer.
      expectObservable(stateOf(hub, 'site-1')).toBe('ar 109998ms d', STATES);
      const codes$ = hub.lifecycle$.pipe(
        filter((event) => event.type === 'disconnected'),
        map(({ error }) => error?.code),
      );
      expectObservable(codes$).toBe('110s t', { t: CommErrorCode.TIMEOUT });
    });
  });

  it('a peer that answers nothing is kept when the timeout is off', () => {
    marbles((scheduler, { expectObservable }) => {
      const options = { heartbeatTimeoutMs: 0 };
      const network = new VirtualNetwork(scheduler, { endMs: 3_600_000, options });
      network.join('site-1', 'hub', '-j');
      network.link('site-1', 'hub', '--s');
      expectObservable(stateOf(network.communicator('hub'), 'site-1')).toBe('ar', STATES);
    });
  });
});

describe('messages', () => {
  it('to our own name come back to us, asynchronously', async () => {
    const hub = communicator('hub');
    const seen: string[] = [];
    hub.registerMessageReceiver(4, ({ endpoint, message }) =>
      seen.push(`${endpoint.name} ${textOf(message)}`),
    );
    const all = firstValueFrom(hub.messages(4).pipe(take(2), toArray()));
    hub.send('hub', 4, textMessage('one'));
    hub.send(hub.localEndpoint, 4, textMessage('two'));
    expect(seen).toEqual([]);
    await all;
    expect(seen).toEqual(['hub one', 'hub two']);
  });

  it('are held back by drained and arrive once, in order', async () => {
    const [hub, site] = [communicator('hub', { highWaterMarkBytes: 10_000 }), communicator('site-1')];
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    site.addConnector(await startListening(hub), Mode.ACTIVE);
    await site.start();
    await untilState(hub, 'site-1');
    const all = firstValueFrom(
      site.messages(1).pipe(
        map(({ message }) => message.headers?.n),
        take(500),
        toArray(),
      ),
    );
    let waits = 0;
    for (let n = 0; n < 500; n += 1) {
      if (hub.send('site-1', 1, { headers: { n }, payload: new Uint8Array(5_000) })) continue;
      waits += 1;
      await firstValueFrom(hub.drained('site-1'));
    }
    expect(await all).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(waits).toBeGreaterThan(0);
  });

  it('of a receiver that returns promises pause the sender, whose messages all arrive', async () => {
    const [hub, site] = [communicator('hub', { maxPendingBytes: 100_000 }), communicator('site-1')];
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    let [pending, most, done] = [0, 0, 0];
    const all = new Promise<void>((resolve) => {
      hub.registerMessageReceiver(1, async ({ message }) => {
        pending += message.payload?.length ?? 0;
        most = Math.max(most, pending);
        await new Promise(setImmediate);
        pending -= message.payload?.length ?? 0;
        if ((done += 1) === 400) resolve();
      });
    });
    site.addConnector(await startListening(hub), Mode.ACTIVE);
    await site.start();
    await untilState(site, 'hub');
    for (let n = 0; n < 400; n += 1) site.send('hub', 1, { payload: new Uint8Array(10_000) });
    await all;
    // The limit, and what had been read already when it was reached.
    expect(most).toBeLessThan(400_000);
  });
});
