import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, inject, it } from 'vitest';

import { type Communicator, EndpointState, Mode } from '../../lib/index.js';
import { FaultProxy } from '../faults/fault-proxy.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { NvflarePeer } from '../support/nvflare-peer.js';

const APP = 7;
const VERSION = '2.9.0';
/** NVFlare itself never closes a silent connection, so it is our heartbeat that must end it. */
const HEARTBEAT = { heartbeatIntervalMs: 500, heartbeatTimeoutMs: 500 };

const CASES = ['tcp', 'http', 'grpc'].flatMap((scheme) =>
  (['cut', 'reset', 'half-open'] as const).map((type) => ({ scheme, type })),
);

const peers: NvflarePeer[] = [];
const proxies: FaultProxy[] = [];

describe.skipIf(inject('interopObstacle') !== '')('a connection to a real NVFlare', () => {
  afterEach(async () => {
    await stopAll();
    await Promise.all(peers.splice(0).map((peer) => peer.kill()));
    await Promise.all(proxies.splice(0).map((proxy) => proxy[Symbol.asyncDispose]()));
  });

  it.each(CASES)('$scheme: comes back after $type, NVFlare listens', async ({ scheme, type }) => {
    const url = `${scheme}://127.0.0.1:${await freePort()}`;
    const python = await startPython('hub');
    await python.listen(url);
    const proxy = await proxyTo(url);
    const site = communicator('site-1', HEARTBEAT);
    site.addConnector(proxy.url, Mode.ACTIVE);
    await site.start();
    await expectSurvival({ typescript: site, python, proxy, name: 'hub', type, isNvflareActive: false });
  });

  it.each(CASES)('$scheme: comes back after $type, TypeScript listens', async ({ scheme, type }) => {
    const hub = communicator('hub', HEARTBEAT);
    hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
    const proxy = await proxyTo(await startListening(hub));
    const python = await startPython('site-1');
    await python.connect(proxy.url);
    await expectSurvival({ typescript: hub, python, proxy, name: 'site-1', type, isNvflareActive: true });
  });
});

interface Case {
  readonly typescript: Communicator;
  readonly python: NvflarePeer;
  readonly proxy: FaultProxy;
  /** Of the NVFlare side. */
  readonly name: string;
  readonly type: 'cut' | 'reset' | 'half-open';
  /** It is NVFlare's part to connect again. */
  readonly isNvflareActive: boolean;
}

/** Messages go both ways before the fault and after it, and TypeScript sees the other go and come. */
async function expectSurvival({
  typescript,
  python,
  proxy,
  name,
  type,
  isNvflareActive,
}: Case): Promise<void> {
  await untilState(typescript, name);
  await echo(typescript, name, 'before');
  const gone = untilState(typescript, name, EndpointState.DISCONNECTED);
  proxy.apply({ type });
  await gone;
  if (type === 'half-open' && isNvflareActive) {
    // NVFlare waits on a silent connection for ever: it comes back when the network tells it, as a router does in time.
    expect(await python.find(typescript.localEndpoint.name)).toMatchObject({ state: 'READY' });
    proxy.apply({ type: 'reset' });
  }
  await untilState(typescript, name, EndpointState.READY, 40_000);
  await echo(typescript, name, 'after');
  const local = typescript.localEndpoint.name;
  expect(await python.find(local)).toMatchObject({ state: 'READY' });
  expect(proxy.accepted).toBe(2);
}

async function echo(typescript: Communicator, name: string, text: string): Promise<void> {
  const back = firstValueFrom(typescript.messages(APP));
  typescript.send(name, APP, { headers: { text } });
  expect((await back).message.headers).toEqual({ text });
}

async function startPython(name: string): Promise<NvflarePeer> {
  const peer = await NvflarePeer.start({ version: VERSION, name, heartbeatSeconds: 1 });
  peers.push(peer);
  await peer.receive(APP, true);
  return peer;
}

async function proxyTo(url: string): Promise<FaultProxy> {
  const proxy = await FaultProxy.listen(url);
  proxies.push(proxy);
  return proxy;
}
