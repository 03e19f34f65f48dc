import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';

import { afterEach, describe, expect, it } from 'vitest';

import { WebSocketDriver } from '../../lib/drivers/websocket/websocket-driver.js';
import { ConnectionSecurity, Mode } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { type CertificatePair, testCertificates } from '../support/certificates.js';
import { communicator, nextEvent, startListening, stopAll } from '../support/communicators.js';
import { endOf, listening } from './websocket/listening.js';

const { ca, hub, site1, nameless, twoNames, stranger } = await testCertificates();
const schemes = ['stcp', 'https', 'grpcs'];
const unnamed = [
  ['no common name', nameless],
  ['two common names', twoNames],
] as const;

const cells = schemes.flatMap((scheme) => unnamed.map(([what, pair]) => [scheme, what, pair] as const));

afterEach(stopAll);

describe('under mtls, over', () => {
  it.each(cells)('%s, a listener whose certificate has %s passes for no hub', async (scheme, _, pair) => {
    const site = communicator('site-1');
    const ended = nextEvent(site, 'disconnected');
    await connect(scheme, communicator('hub'), pair, site, site1);
    expect((await ended).error?.detail).toBe('certificate-name');
    expect(site.findEndpoint('hub')).toBeUndefined();
  });

  it.each(cells)('%s, a site whose certificate has %s joins under no name', async (scheme, _, pair) => {
    const listener = communicator('hub');
    const ended = nextEvent(listener, 'disconnected');
    await connect(scheme, listener, hub, communicator('site-2'), pair);
    expect((await ended).error?.detail).toBe('certificate-name');
    expect(listener.findEndpoint('site-2')).toBeUndefined();
  });
});

it('a certificate that was not verified shows no name', async () => {
  const [cert, key, root] = [hub.cert, hub.key, ca].map((path) => readFileSync(path));
  const server = createHttpsServer({ cert, key, ca: root, requestCert: true, rejectUnauthorized: false });
  server.listen(0, '127.0.0.1');
  using listener = await listening(new WebSocketDriver({ server }), parseUrl('http://127.0.0.1:0'));
  const params = { ...parseUrl(listener.url), ca_cert: ca, connection_security: ConnectionSecurity.MTLS };
  const client = { client_cert: stranger.cert, client_key: stranger.key };
  const connecting = new WebSocketDriver().connect({ ...params, ...client }).subscribe();
  const accepted = await listener.next();
  expect(accepted.properties).toMatchObject({ tls: 'TLSv1.3' });
  expect(accepted.properties).not.toHaveProperty('peer_cn');
  connecting.unsubscribe();
  await endOf(accepted);
  server.close();
  await once(server, 'close');
});

/** Starts both, each with its certificate. */
async function connect(
  scheme: string,
  listener: ReturnType<typeof communicator>,
  server: CertificatePair,
  site: ReturnType<typeof communicator>,
  client: CertificatePair,
): Promise<void> {
  const serverPair = { ca_cert: ca, server_cert: server.cert, server_key: server.key };
  listener.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE, false, serverPair);
  const url = await startListening(listener);
  const clientPair = { ca_cert: ca, client_cert: client.cert, client_key: client.key };
  site.addConnector(url, Mode.ACTIVE, false, clientPair);
  await site.start();
}
