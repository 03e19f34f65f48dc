import { once } from 'node:events';
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { TcpDriver } from '../../../lib/drivers/tcp/tcp-driver.js';
import { type Communicator, ConnectionSecurity, EndpointState, Mode } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { testCertificates } from '../../support/certificates.js';
import { communicator, startListening, stopAll, untilState } from '../../support/communicators.js';
import { ResumedSessions } from '../../support/resumed-sessions.js';
import { endOf, listening } from '../websocket/listening.js';

const { ca, hub: hubPair, site1 } = await testCertificates();
const HUB = { ca_cert: ca, server_cert: hubPair.cert, server_key: hubPair.key };
/** Beyond the end of each certificate. OpenSSL does not see the fake clock. */
const LATER_MS = 60 * 24 * 60 * 60_000;

const ALL = new Set([true]);
const NONE = new Set([false]);
const directory = mkdtempSync(join(tmpdir(), 'rxflare-tickets-'));

let resumed: ResumedSessions;

beforeEach(() => (resumed = new ResumedSessions()));
afterEach(async () => {
  vi.useRealTimers();
  resumed[Symbol.dispose]();
  await stopAll();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each(['stcp', 'https', 'grpcs'])('a site that comes back over %s', (scheme) => {
  async function pairOf(caFile = ca): Promise<{ hub: Communicator; site: Communicator; url: string }> {
    const hub = communicator('hub');
    hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE, false, HUB);
    const url = await startListening(hub);
    const site = communicator('site-1');
    const pair = { ca_cert: caFile, client_cert: site1.cert, client_key: site1.key };
    site.addConnector(url, Mode.ACTIVE, false, pair);
    await site.start();
    await Promise.all([untilState(site, 'hub'), untilState(hub, 'site-1')]);
    return { hub, site, url };
  }

  async function comeBack({ hub, site }: { hub: Communicator; site: Communicator }): Promise<void> {
    const gone = untilState(site, 'hub', EndpointState.DISCONNECTED);
    hub.removeEndpoint('site-1');
    await gone;
    await Promise.all([untilState(site, 'hub'), untilState(hub, 'site-1')]);
  }

  it('resumes its session, in which both are still who they were', async () => {
    const both = await pairOf();
    const first = both.site.findEndpoint('hub')?.connProps;
    expect(resumed.answers).toEqual(NONE);
    for (let time = 0; time < 2; time += 1) {
      resumed.answers.clear();
      await comeBack(both);
      expect(resumed.answers).toEqual(ALL);
      expect(both.hub.findEndpoint('site-1')?.connProps).toMatchObject({ peer_cn: 'site-1' });
      const { peer_cn, peer_issuer, peer_valid_to } = first ?? {};
      expect(both.site.findEndpoint('hub')?.connProps).toMatchObject({ peer_cn, peer_issuer, peer_valid_to });
    }
  });

  it('shows its certificate anew when one has expired', async () => {
    const both = await pairOf();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + LATER_MS });
    resumed.answers.clear();
    await comeBack(both);
    expect(resumed.answers).toEqual(NONE);
  });

  it('shows its certificate anew when a file has changed', async () => {
    const file = join(directory, `${scheme}.crt`);
    copyFileSync(ca, file);
    const both = await pairOf(file);
    appendFileSync(file, '\n');
    resumed.answers.clear();
    await comeBack(both);
    expect(resumed.answers).toEqual(NONE);
  });

  it('is let in by a hub that started anew', async () => {
    const { hub, site, url } = await pairOf();
    await hub.stop();
    const again = communicator('hub');
    again.addConnector(url, Mode.PASSIVE, false, HUB);
    resumed.answers.clear();
    await again.start();
    await Promise.all([untilState(site, 'hub'), untilState(again, 'site-1')]);
    expect(resumed.answers).toEqual(NONE);
    expect(site.findEndpoint('hub')?.connProps).toMatchObject({ peer_cn: 'hub' });
  });
});

it('a certificate that has expired since shows no name in a resumed session', async () => {
  const params = { ...parseUrl('stcp://127.0.0.1:0'), ...HUB, connection_security: ConnectionSecurity.MTLS };
  using listener = await listening(new TcpDriver(), params);
  const port = Number(new URL(listener.url).port);
  const [root, cert, key] = [ca, site1.cert, site1.key].map((path) => readFileSync(path));
  const open = (session?: Buffer): TLSSocket =>
    connectTls({ host: '127.0.0.1', port, ca: root, cert, key, ...(session && { session }) });
  const first = open();
  const [session] = (await once(first, 'session')) as [Buffer];
  const whole = await listener.next();
  expect(whole.properties).toMatchObject({ peer_cn: 'site-1' });
  const second = open(session);
  const inTime = await listener.next();
  expect(second.isSessionReused()).toBe(true);
  expect(inTime.properties).toMatchObject({ peer_cn: 'site-1' });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + LATER_MS });
  const third = open(session);
  const tooLate = await listener.next();
  expect(third.isSessionReused()).toBe(true);
  expect(tooLate.properties).not.toHaveProperty('peer_cn');
  for (const socket of [first, second, third]) socket.end();
  await Promise.all([whole, inTime, tooLate].map(endOf));
});
