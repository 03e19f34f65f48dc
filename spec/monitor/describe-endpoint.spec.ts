import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { CommErrorCode, Endpoint, EndpointState, Mode } from '../../lib/index.js';
import { detailsOf } from '../../lib/monitor/endpoint-details.js';
import { describeEndpoint, serveStats, type ServeStatsOptions } from '../../lib/monitor/index.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';

afterEach(stopAll);

/** A hub over mutual TLS that serves its stats, and a site that has joined it. */
async function joined(options?: ServeStatsOptions) {
  const { ca, hub: pair, site1 } = await testCertificates();
  const hub = communicator(
    new Endpoint('hub', {}, { ca_cert: ca, server_cert: pair.cert, server_key: pair.key }),
  );
  serveStats(hub, options);
  hub.addConnector('stcp://127.0.0.1:0', Mode.PASSIVE);
  const own = { ca_cert: ca, client_cert: site1.cert, client_key: site1.key };
  const site = communicator(new Endpoint('site-1', { ward: 'north', beds: 12 }, own));
  site.addConnector(await startListening(hub), Mode.ACTIVE);
  await site.start();
  await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
  return site;
}

describe('describeEndpoint', () => {
  it('tells properties, and the certificate with its issuer and its end', async () => {
    const details = await firstValueFrom(describeEndpoint(await joined(), 'hub', 'site-1'));
    expect(details).toMatchObject({
      name: 'site-1',
      state: EndpointState.READY,
      properties: [
        { name: 'ward', value: 'north' },
        { name: 'beds', value: '12' },
      ],
      omitted: 0,
      certificate: { commonName: 'site-1' },
    });
    expect(details?.certificate?.issuer).toEqual(expect.any(String));
    expect(Date.parse(details?.certificate?.validTo ?? '')).toBeGreaterThan(Date.now());
  });

  it('tells that there is no endpoint of that name', async () => {
    expect(await firstValueFrom(describeEndpoint(await joined(), 'hub', 'nobody'))).toBeUndefined();
  });

  it('tells nothing to those who may not watch', async () => {
    const site = await joined({ allow: () => false });
    await expect(firstValueFrom(describeEndpoint(site, 'hub', 'site-1'))).rejects.toMatchObject({
      code: CommErrorCode.REFUSED,
    });
  });
});

describe('details', () => {
  it('are bounded, whatever an endpoint says of itself', () => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`key-${index}`, 'x']));
    const details = detailsOf(new Endpoint('site-1', { long: 'y'.repeat(1_000), ...many }));
    expect(details.properties).toHaveLength(64);
    expect(details.omitted).toBe(7);
    expect(details.properties[0]?.value).toHaveLength(256);
    expect(details).not.toHaveProperty('certificate');
  });

  it('show values of other types in one line', () => {
    const { properties } = detailsOf(
      new Endpoint('a', { blob: new Uint8Array(3), nested: { a: 1 }, no: null }),
    );
    expect(properties.map(({ value }) => value)).toEqual(['(3 bytes)', '(structured)', 'null']);
  });
});
