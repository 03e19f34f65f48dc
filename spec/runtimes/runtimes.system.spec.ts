import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { ConnectionSecurity, type Resources } from '../../lib/index.js';
import { type CertificatePair, testCertificates } from '../support/certificates.js';
import { bunBinary, denoBinary } from '../support/runtimes.js';
import { PartyProcess } from './party-process.js';
import { ALL_ECHOED, listen, type PartyOrder, talk } from './roles.js';

const RUNTIMES: readonly [name: string, command: readonly string[]][] = [
  ['Bun', [await bunBinary()]],
  [
    'Deno',
    [
      await denoBinary(),
      'run',
      '--allow-net',
      '--allow-read',
      '--allow-env',
      '--allow-write',
      '--allow-sys',
      '--quiet',
    ],
  ],
];

const certificates = await testCertificates();
const SECURE = ['stcp', 'https', 'grpcs'] as const;
const CLEAR = ['tcp', 'http', 'grpc', 'shared-file'] as const;

const schemes = [
  ...CLEAR.map((scheme) => ({ scheme, isSecure: false })),
  ...SECURE.map((scheme) => ({ scheme, isSecure: true })),
];

/** What both sides must have seen. */
const reports = (isSecure: boolean) => ({
  hub: { ...ALL_ECHOED, peer: isSecure ? 'site-1' : undefined },
  site: { ...ALL_ECHOED, peer: isSecure ? 'hub' : undefined },
});

describe.each(RUNTIMES)('%s', (_, command) => {
  const start = (order: PartyOrder): PartyProcess => {
    const party = new PartyProcess(command, order);
    onTestFinished(() => party[Symbol.asyncDispose]());
    return party;
  };
  const endedWell = { exitCode: 0, stderr: '' };

  describe.each(schemes)('over $scheme', ({ scheme, isSecure }) => {
    const resources = {
      hub: isSecure ? mtls(certificates.hub) : {},
      site: isSecure ? mtls(certificates.site1) : {},
    };

    it('is a site of a hub in Node', async () => {
      const hub = await listen({ role: 'hub', url: freshUrl(scheme), resources: resources.hub });
      const site = start({ role: 'site', url: hub.url, resources: resources.site });
      expect(await site.next()).toEqual({ said: reports(isSecure).site });
      expect(await site.ended()).toEqual(endedWell);
      expect(await hub.stop()).toEqual(reports(isSecure).hub);
    });

    it('is the hub of a site in Node', async () => {
      const hub = start({ role: 'hub', url: freshUrl(scheme), resources: resources.hub });
      const { url } = await hub.next();
      const site = talk({ role: 'site', url: String(url), resources: resources.site });
      expect(await site).toEqual(reports(isSecure).site);
      hub.stop();
      expect(await hub.next()).toEqual({ heard: reports(isSecure).hub });
      expect(await hub.ended()).toEqual(endedWell);
    });
  });

  it('has a hub and a site in one process', async () => {
    const party = start({ role: 'both', url: 'inproc://runtimes', resources: {} });
    await party.next();
    expect(await party.next()).toEqual({ said: reports(false).site });
    expect(await party.next()).toEqual({ heard: reports(false).hub });
    expect(await party.ended()).toEqual(endedWell);
  });

  describe.each(SECURE)('over %s', (scheme) => {
    const url = `${scheme}://127.0.0.1:0`;

    it('refuses a hub of another CA', async () => {
      const hub = await listen({ role: 'hub', url, resources: mtls(certificates.stranger) });
      const site = start({ role: 'site', url: hub.url, resources: mtls(certificates.site1) });
      expect(await site.next()).toEqual({ failed: expect.stringMatching(/certificate/i) as unknown });
      expect(await site.ended()).toEqual(endedWell);
      await hub.stop();
    });

    it('refuses a site of another CA, and one without a certificate', async () => {
      const hub = start({ role: 'hub', url, resources: mtls(certificates.hub) });
      const { url: address } = await hub.next();
      const order = { role: 'site', url: String(address) } as const;
      const nameless = { ca_cert: certificates.ca, connection_security: ConnectionSecurity.TLS };
      for (const resources of [mtls(certificates.stranger), nameless])
        await expect(talk({ ...order, resources })).rejects.toThrow();
      hub.stop();
      expect(await hub.next()).toEqual({ heard: { messages: 0, damaged: 0 } });
      expect(await hub.ended()).toEqual(endedWell);
    });
  });
});

function freshUrl(scheme: string): string {
  if (scheme !== 'shared-file') return `${scheme}://127.0.0.1:0`;
  const directory = mkdtempSync(join(tmpdir(), 'rxflare-runtimes-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return `shared-file://0${directory}`;
}

function mtls({ cert, key }: CertificatePair): Resources {
  return {
    connection_security: ConnectionSecurity.MTLS,
    ca_cert: certificates.ca,
    server_cert: cert,
    server_key: key,
    client_cert: cert,
    client_key: key,
  };
}
