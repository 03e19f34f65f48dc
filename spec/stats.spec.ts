import { once } from 'node:events';
import { connect } from 'node:net';

import { firstValueFrom, lastValueFrom, take, toArray } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, describe, expect, it } from 'vitest';

import {
  CommError,
  CommErrorCode,
  type CommunicatorStats,
  Endpoint,
  EndpointState,
  Mode,
} from '../lib/index.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';

afterEach(stopAll);

const APP = 5;
const NOTHING = { messages: 0, bytes: 0 };

/** A hub and a site over TCP. */
async function connected() {
  const [hub, site] = [communicator('hub'), communicator('site-1')];
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const url = await startListening(hub);
  site.addConnector(url, Mode.ACTIVE);
  await site.start();
  await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  return { hub, site, url };
}

function only<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1);
  return list[0] as T;
}

describe('the stats of a communicator', () => {
  it('count messages and their bytes on the wire each way, and no heartbeats', async () => {
    const { hub, site } = await connected();
    hub.registerMessageReceiver(APP, ({ endpoint, message }) => hub.send(endpoint, APP, message));
    const back = firstValueFrom(site.messages(APP).pipe(take(3), toArray()));
    for (const size of [0, 100, 20_000]) site.send('hub', APP, { payload: new Uint8Array(size) });
    await back;
    const all = { messages: 3, bytes: 3 * 16 + 20_100 };
    for (const each of [site.stats(), hub.stats()]) {
      expect(only(each.endpoints)).toMatchObject({
        sent: all,
        received: all,
        undelivered: NOTHING,
        unknown: NOTHING,
      });
      expect(only(each.connections)).toMatchObject({ sent: all, received: all, isPaused: false });
    }
  });

  it('name the endpoint, its connection, and how that came about', async () => {
    const { hub, site, url } = await connected();
    const stats = hub.stats();
    expect(stats.name).toBe('hub');
    expect(Math.abs(Date.now() - stats.at)).toBeLessThan(10_000);
    expect(only(stats.endpoints)).toMatchObject({ name: 'site-1', state: EndpointState.READY });
    const connection = only(stats.connections);
    expect(connection).toMatchObject({ endpointName: 'site-1', scheme: 'tcp', localAddr: url.slice(6) });
    expect(connection.peerAddr).toBe(only(site.stats().connections).localAddr);
    expect(hub.findConnector(connection.handle)?.mode).toBe(Mode.PASSIVE);
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats);
  });

  it('show a connection that has not introduced itself', async () => {
    const { hub, url } = await connected();
    const opened = nextEvent(hub, 'connected');
    const socket = connect({ host: '127.0.0.1', port: Number(url.split(':').pop()) });
    await opened;
    const stranger = hub.stats().connections.find(({ endpointName }) => endpointName === undefined);
    expect(stranger).toMatchObject({ scheme: 'tcp', sent: NOTHING, received: NOTHING });
    socket.destroy();
    await once(socket, 'close');
  });

  it('time how long messages take to get out', async () => {
    const { hub, site } = await connected();
    const answer = firstValueFrom(hub.messages(APP));
    site.send('hub', APP, {});
    await answer;
    const { sendTimes, queued } = only(site.stats().endpoints);
    expect(sendTimes.count).toBe(1);
    expect(sendTimes.bins.reduce((sum, count) => sum + count)).toBe(1);
    expect(sendTimes.maxMs).toBe(sendTimes.sumMs);
    expect(queued).toEqual(NOTHING);
  });

  it('show what waits for a reader that does not read, and what is lost with its connection', async () => {
    const { hub, site } = await connected();
    hub.registerMessageReceiver(APP, () => undefined);
    const { handle } = only(hub.stats().connections);
    hub.findConnector(handle)?.connections$.subscribe((connection) => connection.pause());
    for (let sent = 0; sent < 40; sent += 1) site.send('hub', APP, { payload: new Uint8Array(1_000_000) });
    const { queued } = only(site.stats().endpoints);
    expect(queued.messages).toBeGreaterThan(0);
    expect(queued.bytes).toBeGreaterThan(1_000_000);
    const dropped = nextEvent(site, 'dropped');
    const cut = new CommError(CommErrorCode.CLOSED, 'cut');
    const { handle: own } = only(site.stats().connections);
    site.findConnector(own)?.connections$.subscribe((connection) => void connection.close(cut));
    const loss = await dropped;
    const after = only(site.stats().endpoints);
    expect(loss).toMatchObject({ undelivered: after.undelivered, unknown: after.unknown });
    expect(after.queued).toEqual(NOTHING);
    expect(after.undelivered.messages + after.unknown.messages).toBe(queued.messages);
  });

  it('count what came for an app ID that nobody listens to', async () => {
    const { hub, site } = await connected();
    const dropped = nextEvent(hub, 'dropped');
    site.send('hub', 99, { payload: new Uint8Array(4) });
    await dropped;
    expect(only(hub.stats().endpoints)).toMatchObject({
      received: { messages: 1, bytes: 20 },
      unclaimed: { messages: 1, bytes: 20 },
    });
  });

  it('go on over all connections of an endpoint', async () => {
    const { hub, site } = await connected();
    const send = async () => {
      const answer = firstValueFrom(hub.messages(APP));
      site.send('hub', APP, {});
      await answer;
    };
    await send();
    const gone = untilState(site, 'hub', EndpointState.DISCONNECTED);
    hub.removeEndpoint('site-1');
    await gone;
    expect(only(site.stats().endpoints).sent.messages).toBe(1);
    await untilState(site, 'hub');
    await send();
    expect(only(site.stats().endpoints).sent.messages).toBe(2);
    expect(only(site.stats().connections).sent.messages).toBe(1);
  });

  it('tell what unfinished receivers hold', async () => {
    const { hub, site } = await connected();
    let finish: () => void = () => undefined;
    const work = new Promise<void>((resolve) => (finish = resolve));
    const begun = firstValueFrom(hub.messages(APP));
    hub.registerMessageReceiver(APP, () => work);
    site.send('hub', APP, { payload: new Uint8Array(1_000) });
    await begun;
    expect(only(hub.stats().connections).pendingBytes).toBeGreaterThanOrEqual(1_000);
    finish();
    await work;
    await Promise.resolve();
    expect(only(hub.stats().connections).pendingBytes).toBe(0);
  });
});

describe('stats$', () => {
  it('takes a picture at once and in each period, in the time of the scheduler', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ expectObservable }) => {
      const hub = communicator(new Endpoint('hub'), { scheduler });
      const picture = (at: number): CommunicatorStats => ({
        name: 'hub',
        at,
        endpoints: [],
        connections: [],
      });
      expectObservable(hub.stats$(10), '25ms !').toBe('a 9ms b 9ms c', {
        a: picture(0),
        b: picture(10),
        c: picture(20),
      });
    });
  });

  it('completes when the communicator stops, and is over at once after that', async () => {
    const hub = communicator('hub');
    const last = lastValueFrom(hub.stats$(5));
    await Promise.all([hub.start(), firstValueFrom(hub.stats$(5))]);
    await hub.stop();
    expect((await last).name).toBe('hub');
    await expect(lastValueFrom(hub.stats$(5), { defaultValue: 'none' })).resolves.toBe('none');
  });

  it.each([0, -1, Number.NaN])('refuses a period of %s', (periodMs) => {
    expect(() => communicator('hub').stats$(periodMs)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
    );
  });
});
