import { firstValueFrom } from 'rxjs';
import { afterEach, expect, it } from 'vitest';

import { CommErrorCode, type Communicator, Endpoint, Mode, textMessage, textOf } from '../../lib/index.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from '../support/communicators.js';
import { FaultProxy } from './fault-proxy.js';

const APP = 1;
const proxies: FaultProxy[] = [];

afterEach(async () => {
  await stopAll();
  await Promise.all(proxies.splice(0).map((proxy) => proxy[Symbol.asyncDispose]()));
});

async function joined(scheme: string, connProps: Record<string, string> = {}) {
  const hub = communicator(new Endpoint('hub', {}, connProps));
  hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
  const proxy = await FaultProxy.listen(await startListening(hub));
  proxies.push(proxy);
  const site = communicator(new Endpoint('site-1', {}, connProps));
  site.addConnector(proxy.url, Mode.ACTIVE);
  await site.start();
  await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  // After one message each way nothing is on the line but what comes next.
  await exchange(site, hub);
  await exchange(hub, site);
  return { hub, site, proxy };
}

async function exchange(from: Communicator, to: Communicator): Promise<void> {
  const arrived = firstValueFrom(to.messages(APP));
  from.send(to.localEndpoint.name, APP, textMessage('hello'));
  expect(textOf((await arrived).message)).toBe('hello');
}

it('a byte changed in a payload arrives changed: F3 has no checksum', async () => {
  const { hub, site, proxy } = await joined('tcp');
  const arrived = firstValueFrom(hub.messages(APP));
  proxy.apply({ type: 'corrupt', direction: 'up', offset: 16 });
  site.send('hub', APP, { payload: Uint8Array.of(1, 2, 3) });
  expect([...((await arrived).message.payload ?? [])]).toEqual([254, 2, 3]);
});

it('under TLS it ends the connection, which comes back', async () => {
  const { ca, hub: pair } = await testCertificates();
  const { hub, site, proxy } = await joined('stcp', {
    ca_cert: ca,
    server_cert: pair.cert,
    server_key: pair.key,
    connection_security: 'tls',
  });
  const ends = Promise.all([nextEvent(hub, 'disconnected'), nextEvent(site, 'disconnected')]);
  proxy.apply({ type: 'corrupt', direction: 'up', offset: 16 });
  site.send('hub', APP, { payload: Uint8Array.of(1, 2, 3) });
  const [hubEnd, siteEnd] = await ends;
  expect(hubEnd.error).toMatchObject({ code: CommErrorCode.BAD_DATA });
  expect(siteEnd.error).toMatchObject({ code: CommErrorCode.BAD_DATA });
  await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  await exchange(site, hub);
});
