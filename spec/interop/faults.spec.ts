import { filter, firstValueFrom, map } from 'rxjs';
import { afterEach, describe, expect, inject, it } from 'vitest';

import { type Communicator, EndpointState, Mode } from '../../lib/index.js';
import { FaultProxy } from '../faults/fault-proxy.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { NvflarePeer, type PeerFields } from '../support/nvflare-peer.js';
import { ResumedSessions } from '../support/resumed-sessions.js';

const APP = 7;
const VERSION = '2.9.0';
/** NVFlare itself never closes a silent connection, so it is our heartbeat that must end it. */
const HEARTBEAT = { heartbeatIntervalMs: 500, heartbeatTimeoutMs: 3_000 };

const CASES = ['tcp', 'http', 'grpc'].flatMap((scheme) =>
  (['cut', 'reset', 'half-open'] as const).map((type) => ({ scheme, type })),
);

const peers: NvflarePeer[] = [];
const proxies: FaultProxy[] = [];

describe.skipIf(inject('interopObstacle') !== '')('a connection to a real NVFlare', () => {
  afterEach(endAll);

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

/** Resuming its TLS session, the site shows its certificate no more, and an NVFlare has to find it in the ticket. */
describe.skipIf(inject('interopObstacle') !== '')('a TLS session with a real NVFlare', () => {
  afterEach(endAll);

  it.each(['stcp', 'https', 'grpcs'])(
    'is resumed over %s, and both still have their names',
    async (scheme) => {
      const { ca, hub, site1 } = await testCertificates();
      const url = `${scheme}://127.0.0.1:${await freePort()}`;
      const python = await startPython('hub', { ca_cert: ca, server_cert: hub.cert, server_key: hub.key });
      await python.listen(url);
      const proxy = await proxyTo(url);
      const site = communicator('site-1');
      const pair = { ca_cert: ca, client_cert: site1.cert, client_key: site1.key };
      site.addConnector(proxy.url, Mode.ACTIVE, false, pair);
      using resumed = new ResumedSessions();
      await site.start();
      await untilState(site, 'hub');
      await echo(site, 'hub', 'before');
      expect(resumed.answers).toEqual(new Set([false]));
      resumed.answers.clear();
      await suffer(site, 'hub', proxy, 'reset');
      await untilState(site, 'hub');
      await echo(site, 'hub', 'after');
      expect(resumed.answers).toEqual(new Set([true]));
      expect(site.findEndpoint('hub')?.connProps.peer_cn).toBe('hub');
      expect(await python.find('site-1')).toMatchObject({ state: 'READY', connProps: { peer_cn: 'site-1' } });
    },
  );
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
  const local = typescript.localEndpoint.name;
  const mistaken = takenForGone(python, local);
  await suffer(typescript, name, proxy, type);
  if (type === 'half-open' && isNvflareActive) {
    // NVFlare waits on a silent connection for ever: it comes back when the network tells it, as a router does in time.
    expect(await python.find(local)).toMatchObject({ state: 'READY' });
    proxy.apply({ type: 'reset' });
  }
  await untilState(typescript, name, EndpointState.READY, 40_000);
  const answered = echo(typescript, name, 'after').then(() => false);
  const isMistaken = await (isReplacing(type, isNvflareActive)
    ? Promise.race([answered, mistaken])
    : answered);
  if (isMistaken) {
    await suffer(typescript, name, proxy, 'cut');
    await untilState(typescript, name);
    await echo(typescript, name, 'after');
  }
  expect(await python.find(local)).toMatchObject({ state: 'READY' });
  expect(proxy.accepted).toBe(isMistaken ? 3 : 2);
}

async function suffer(
  site: Communicator,
  name: string,
  proxy: FaultProxy,
  type: Case['type'],
): Promise<void> {
  const gone = untilState(site, name, EndpointState.DISCONNECTED);
  proxy.apply({ type });
  await gone;
}

/** Whether the new connection reaches an NVFlare that still has the old one. */
function isReplacing(type: Case['type'], isNvflareActive: boolean): boolean {
  return type === 'half-open' && !isNvflareActive;
}

/**
 * Resolves when NVFlare takes a site for gone. It can do so, rarely, just after the site's new connection has replaced an old one
 * (`add_connection` of `sfm_endpoint.py`): for a moment it has neither, and where the old one's end is seen in that moment,
 * the site stays DISCONNECTED for NVFlare as long as the new one lives. Only a further connection ends that.
 */
function takenForGone(python: NvflarePeer, name: string): Promise<boolean> {
  const gone$ = python.events.pipe(
    filter((event) => event.event === 'endpoint' && event.name === name && event.state === 'DISCONNECTED'),
    map(() => true),
  );
  return firstValueFrom(gone$, { defaultValue: false });
}

async function echo(typescript: Communicator, name: string, text: string): Promise<void> {
  const back = firstValueFrom(typescript.messages(APP));
  typescript.send(name, APP, { headers: { text } });
  expect((await back).message.headers).toEqual({ text });
}

async function endAll(): Promise<void> {
  await stopAll();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
  await Promise.all(proxies.splice(0).map((proxy) => proxy[Symbol.asyncDispose]()));
}

async function startPython(name: string, connProps: PeerFields = {}): Promise<NvflarePeer> {
  const peer = await NvflarePeer.start({ version: VERSION, name, connProps, heartbeatSeconds: 1 });
  peers.push(peer);
  await peer.receive(APP, true);
  return peer;
}

async function proxyTo(url: string): Promise<FaultProxy> {
  const proxy = await FaultProxy.listen(url);
  proxies.push(proxy);
  return proxy;
}
