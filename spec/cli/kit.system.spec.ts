import { describe, expect, it } from 'vitest';

import { type CertificatePair, testCertificates } from '../support/certificates.js';
import { freePort } from '../support/free-port.js';
import { RxflareProcess } from '../support/rxflare-process.js';
import { KIT_FILES, makeKit } from '../support/startup-kits.js';

/** A hub that listens from a server's kit, and how to make kits for its sites. */
async function kitHub(scheme: string) {
  const { ca, hub: pair } = await testCertificates();
  const target = `localhost:${await freePort()}`;
  const service = { scheme, target };
  const json = { servers: [{ service, ...KIT_FILES, connection_security: 'mtls' }] };
  const server = makeKit({ file: 'fed_server.json', json, ca, pair });
  const hub = new RxflareProcess('listen', '--kit', server, '--stats', '--json');
  await hub.next(({ event }) => event === 'listening');
  const siteKit = (own: CertificatePair, identity = 'hub') => {
    const servers = [{ service, identity }];
    const client = { ...KIT_FILES, connection_security: 'mtls' };
    return makeKit({ file: 'fed_client.json', json: { servers, client }, ca, pair: own });
  };
  return { hub, siteKit, url: `${scheme}://${target}` };
}

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;
const run = (...args: string[]) => RxflareProcess.run(...args);

describe('--kit', () => {
  it('has all that a hub, a ping, a site and a watcher need', async () => {
    const { site1 } = await testCertificates();
    const { hub: listening, siteKit } = await kitHub('http');
    await using hub = listening;
    const kit = siteKit(site1);

    const ping = await run('ping', '--kit', kit, '--count', '1');
    expect(ping.exitCode).toBe(0);
    expect(ping.stderr).toMatch(/^(warning: the .*certificate .* expires on .*\n){2}$/);
    expect(ping.stdout).toMatch(/^server at .*\nsecurity: TLSv1\.3, certificate hub$/m);

    await using site = new RxflareProcess('connect', '--kit', `${kit}/startup`, '--json');
    site.write('from a kit');
    const message = await hub.next(({ event }) => event === 'message');
    expect(message).toMatchObject({ text: 'from a kit', from: matching(/^site-1\.connect-/) });

    expect((await run('top', '--kit', kit, '--count', '1')).exitCode).toBe(0);
  });

  it('says what is wrong with the certificates before it connects, and then what the hub says', async () => {
    const { site1, site2, expired } = await testCertificates();
    const { hub: listening, siteKit } = await kitHub('grpc');
    await using _hub = listening;
    const ping = async (kit: string, ...args: string[]) => {
      const { stdout } = await run('ping', '--kit', kit, '--json', ...args);
      const lines = stdout.trim().split('\n');
      return lines.map((line) => JSON.parse(line) as { message: string; diagnosis: string });
    };
    expect(await ping(siteKit(expired))).toMatchObject([
      {},
      { message: matching(/own\.crt expired on/) },
      { diagnosis: 'own-certificate-not-trusted' },
    ]);
    expect(await ping(siteKit(site1), '--name', 'site-2')).toMatchObject([
      {},
      {},
      { message: matching(/needs a certificate for site-2, and this one is for site-1/) },
      { diagnosis: 'handshake-refused' },
    ]);
    expect((await ping(siteKit(site1, 'another'))).at(-1)).toMatchObject({
      diagnosis: 'certificate-of-another',
    });
    expect(await ping(siteKit({ cert: site1.cert, key: site2.key }))).toMatchObject([
      { event: 'error', code: 'BAD_CONFIG', message: matching(/the key .* does not fit the certificate/) },
    ]);
  });

  it('tells whose certificate the server has, as --identity does without a kit', async () => {
    const { ca, site1 } = await testCertificates();
    const { hub: listening, url } = await kitHub('http');
    await using _hub = listening;
    const files = ['--ca-cert', ca, '--cert', site1.cert, '--key', site1.key];
    const ping = (...args: string[]) =>
      run('ping', url.replace('http', 'https'), ...files, '--count', '1', ...args);
    expect(await ping()).toMatchObject({
      exitCode: 5,
      stderr: matching(/--identity .*"server", it showed one for "hub"/),
    });
    expect(await ping('--identity', 'server=hub')).toMatchObject({
      exitCode: 0,
      stdout: matching(/certificate hub$/m),
    });
  });

  it.each([
    [
      ['--name', 'server'],
      /^warning: the endpoint name server needs a certificate for server, and this one is for hub$/,
    ],
    [['--name', 'server', '--identity', 'server=hub'], /expires on/],
    [[], /expires on/],
  ])(
    'is not there, and the certificate does not fit the name of a hub: listen %j',
    async (names, warning) => {
      const { ca, hub: pair } = await testCertificates();
      const files = ['--ca-cert', ca, '--cert', pair.cert, '--key', pair.key];
      await using hub = new RxflareProcess('listen', 'stcp://127.0.0.1:0', ...files, ...names, '--json');
      await hub.next(({ event }) => event === 'listening');
      const lines = (await hub.stop()).stdout.trim().split('\n');
      const warnings = lines.map((line) => JSON.parse(line) as { event: string; message: string });
      expect(warnings.filter(({ event }) => event === 'notice').at(-1)?.message).toMatch(warning);
    },
  );

  it('is for the side that it was made for, and one of kit and URL must be there', async () => {
    const { site1 } = await testCertificates();
    const { hub: listening, siteKit } = await kitHub('tcp');
    await using _hub = listening;
    expect(await run('listen', '--kit', siteKit(site1))).toMatchObject({
      exitCode: 2,
      stderr: matching(/expected the startup kit of a server, got that of a client\n$/),
    });
    expect(await run('ping')).toMatchObject({
      exitCode: 2,
      stderr: matching(/expected a URL, or --kit and the folder of a startup kit; see/),
    });
  });
});
