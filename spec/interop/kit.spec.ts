import { cp, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { readStartupKit } from '../../lib/flare/startup-kit.js';
import { secureScheme } from '../../lib/transport/url.js';
import { testCertificates } from '../support/certificates.js';
import { NvflareServer } from '../support/nvflare-server.js';
import { type RxflareEvent, RxflareProcess } from '../support/rxflare-process.js';
import { NVFLARE_VERSIONS } from './set-up.js';

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

describe.skipIf(inject('interopObstacle') !== '').each(NVFLARE_VERSIONS)(
  'ping --kit with kits of nvflare provision %s',
  (version) => {
    let server: NvflareServer;
    beforeAll(async () => {
      server = await NvflareServer.start(version);
      return () => server.stop();
    });

    async function ping(kit: string) {
      const { exitCode, stdout } = await RxflareProcess.run('ping', '--kit', kit, '--count', '1', '--json');
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as RxflareEvent);
      return {
        exitCode,
        events: events.filter(({ message }) => !String(message).includes('can read the key')),
      };
    }

    /** The kit of `site-1`, with these files in place of its certificate and key. */
    async function siteKit({ cert, key }: { readonly cert?: string; readonly key?: string }) {
      const kit = await mkdtemp(join(tmpdir(), 'rxflare-kit-'));
      onTestFinished(() => rm(kit, { recursive: true }));
      await cp(join(server.kits, 'site-1'), kit, { recursive: true });
      if (cert !== undefined) await copyFile(cert, join(kit, 'startup', 'client.crt'));
      if (key !== undefined) await copyFile(key, join(kit, 'startup', 'client.key'));
      return kit;
    }

    it.each(['site-1', 'admin@nvidia.com'])('reaches the running server with the kit of %s', async (name) => {
      const { exitCode, events } = await ping(join(server.kits, name));
      expect(events).toMatchObject([
        { event: 'ready', name: 'server', peerCn: 'localhost', tls: 'TLSv1.3' },
        { event: 'pong' },
        { event: 'summary', sent: 1 },
      ]);
      expect(exitCode).toBe(0);
    });

    it('reaches it without a kit, with the name of its certificate', async () => {
      const { scheme, host, port, caCert, cert, key } = readStartupKit(join(server.kits, 'site-1'));
      const url = `${secureScheme(scheme)}://${host}:${port}`;
      const files = ['--ca-cert', caCert, '--cert', cert, '--key', key];
      const ping = (...args: string[]) => RxflareProcess.run('ping', url, ...files, '--count', '1', ...args);
      expect(await ping('--identity', 'server=localhost')).toMatchObject({ exitCode: 0 });
      expect(await ping()).toMatchObject({ exitCode: 5, stderr: matching(/--identity/) });
    });

    it('does not connect with a key that does not fit', async () => {
      const key = join(server.kits, 'admin@nvidia.com', 'startup', 'client.key');
      const { exitCode, events } = await ping(await siteKit({ key }));
      expect(events).toMatchObject([
        {
          event: 'error',
          diagnosis: 'bad-request',
          message: matching(/client\.key does not fit the certificate/),
        },
      ]);
      expect(exitCode).toBe(2);
    });

    it.each([
      ['of another CA', 'stranger', /client\.crt is not signed by .*rootCA\.pem/],
      ['that has expired', 'expired', /client\.crt expired on /],
    ] as const)('says before it connects that the certificate is one %s', async (_, pair, warning) => {
      const { exitCode, events } = await ping(await siteKit((await testCertificates())[pair]));
      expect(events).toContainEqual(expect.objectContaining({ event: 'notice', message: matching(warning) }));
      expect(events.at(-1)).toMatchObject({ event: 'error', diagnosis: 'own-certificate-not-trusted' });
      expect(exitCode).toBe(5);
    });
  },
);
