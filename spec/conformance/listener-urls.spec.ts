import { describe, expect, it } from 'vitest';

import { resolveTcpUrls } from '../../lib/drivers/node/listen-address.js';
import type { Resources } from '../../lib/index.js';

/** Given, so that no port is looked for. */
const port = 1234;

async function urls(resources: Resources, scheme = 'tcp'): Promise<[connect: string, listen: string]> {
  const { connectUrl, listenUrl } = await resolveTcpUrls(scheme, { port, ...resources });
  return [connectUrl, listenUrl];
}

describe('the URLs of an ad-hoc listener', () => {
  it('bind the listen_host that is given, whatever is advertised', async () => {
    const given = { host: 'site-1', listen_host: '127.0.0.1' };
    expect(await urls(given)).toEqual(['tcp://site-1:1234', 'tcp://127.0.0.1:1234']);
  });

  it.each([
    [undefined, 'localhost'],
    ['localhost', 'localhost'],
    ['LOCALHOST.', 'LOCALHOST.'],
  ])('bind the IPv4 loopback for the host %s', async (host, advertised) => {
    const resources = host === undefined ? {} : { host };
    expect(await urls(resources)).toEqual([`tcp://${advertised}:1234`, 'tcp://127.0.0.1:1234']);
  });

  it.each(['127.0.0.1', '127.42.0.9'])('bind the loopback address %s as it is', async (host) => {
    expect(await urls({ host })).toEqual([`tcp://${host}:1234`, `tcp://${host}:1234`]);
  });

  it.each([
    ['server.example', 'server.example'],
    ['::1', '[::1]'],
  ])('bind every address for the host %s', async (host, advertised) => {
    expect(await urls({ host })).toEqual([`tcp://${advertised}:1234`, 'tcp://0:1234']);
  });

  it('have the secure scheme on both sides under mtls', async () => {
    const resources: Resources = { host: 'site-1', connection_security: 'mtls' };
    expect(await urls(resources)).toEqual(['stcp://site-1:1234', 'stcp://0:1234']);
  });

  it.each<[Resources, boolean]>([
    [{}, false],
    [{ secure: true }, true],
    [{ secure: false }, false],
    [{ connection_security: 'clear' }, false],
    [{ connection_security: 'tls' }, true],
    [{ connection_security: 'mtls' }, true],
    [{ connection_security: 'mtls', secure: false }, true],
    [{ connection_security: 'mtls', secure: true }, true],
    [{ connection_security: 'tls', secure: false }, true],
    [{ connection_security: 'tls', secure: true }, true],
    [{ connection_security: 'clear', secure: false }, false],
    [{ connection_security: 'clear', secure: true }, false],
  ])('follow connection_security before the flag: %o', async (resources, isSecure) => {
    const [connectUrl] = await urls(resources, 'http');
    expect(connectUrl.startsWith('https:')).toBe(isSecure);
  });
});
