import { afterAll, afterEach, describe, expect, inject, it } from 'vitest';

import { testCertificates } from '../support/certificates.js';
import { freePort } from '../support/free-port.js';
import { NvflarePeer } from '../support/nvflare-peer.js';
import { RxflareProcess } from '../support/rxflare-process.js';
import { CLEAR, type Scheme, SITUATIONS, type StartHub, VerdictTable } from '../support/verdicts.js';
import { NVFLARE_VERSIONS } from './set-up.js';

const peers: NvflarePeer[] = [];

describe.skipIf(inject('interopObstacle') !== '')('rxflare ping examines a real NVFlare communicator', () => {
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((peer) => peer.kill()));
  });

  async function listeningPeer(scheme: string, connProps: Record<string, string> = {}): Promise<string> {
    const url = `${scheme}://127.0.0.1:${await freePort()}`;
    const peer = await NvflarePeer.start({
      version: '2.9.0',
      name: 'hub',
      properties: { site: 'zürich' },
      connProps,
    });
    peers.push(peer);
    await peer.listen(url);
    return url;
  }

  it('prints its name, its properties and the round trips', async () => {
    const { exitCode, stdout } = await RxflareProcess.run(
      'ping',
      await listeningPeer('tcp'),
      '--count',
      '2',
      '--interval',
      '1',
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^hub at 127\.0\.0\.1:\d+ .*zürich/);
    expect(stdout.match(/PONG in [\d.]+ ms/g)).toHaveLength(2);
  });

  it('tells what it thinks of our certificates', async () => {
    const { ca, hub, site1, stranger, expired } = await testCertificates();
    const url = await listeningPeer('stcp', { ca_cert: ca, server_cert: hub.cert, server_key: hub.key });
    const ping = async (...args: string[]) =>
      (await RxflareProcess.run('ping', url, '--ca-cert', ca, ...args)).stderr;
    const pair = ({ cert, key }: { cert: string; key: string }) => ['--cert', cert, '--key', key];
    expect(await ping(...pair(site1), '--count', '1')).not.toContain('rxflare: ');
    expect(await ping('--connection-security', 'tls')).toContain('demands a certificate');
    expect(await ping(...pair(stranger))).toContain('does not accept our certificate');
    expect(await ping(...pair(expired))).toContain('does not accept our certificate');
    expect(await ping(...pair(site1), '--name', 'site-2')).toContain('refused us in the handshake');
  });
});

describe.skipIf(inject('interopObstacle') !== '').each(NVFLARE_VERSIONS)(
  'ping of NVFlare %s says what is wrong',
  (version) => {
    const table = new VerdictTable();
    /** One process for each set of certificates, and one listener of it for each transport. */
    const hubs = new Map<string, Promise<NvflarePeer>>();
    const urls = new Map<string, Promise<string>>();

    const startHub: StartHub = (scheme, { connProps = {} } = {}) => {
      const certificates = JSON.stringify(connProps);
      const hub = hubs.get(certificates) ?? NvflarePeer.start({ version, name: 'hub', connProps });
      hubs.set(certificates, hub);
      const listen = async () => {
        const url = `${scheme}://127.0.0.1:${await freePort()}`;
        await (await hub).listen(url);
        return url;
      };
      const key = `${scheme} ${certificates}`;
      const url = urls.get(key) ?? listen();
      urls.set(key, url);
      return url;
    };

    afterAll(async () => {
      await Promise.all([...hubs.values()].map(async (hub) => (await hub).kill()));
      table.print(`NVFlare ${version}`);
    });

    const possible = SITUATIONS.filter(({ not = [] }) => !not.includes(version));
    describe.each(possible)('$title: $expected', ({ title, expected, ping }) => {
      it.each(Object.keys(CLEAR) as Scheme[])('%s', async (scheme) => {
        const said = await ping(scheme, startHub);
        table.note(title, scheme, said);
        expect(said).toBe(expected);
      });
    });
  },
);
