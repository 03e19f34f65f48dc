import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { GrpcDriver } from '../../../lib/drivers/grpc/grpc-driver.js';
import { systemCode } from '../../../lib/drivers/node/node-errors.js';
import { CommError, CommErrorCode, type Connection, ConnectionSecurity } from '../../../lib/index.js';
import type { DriverParams } from '../../../lib/transport/driver.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { type CertificatePair, testCertificates } from '../../support/certificates.js';
import { listening } from '../websocket/listening.js';

const { ca, strangerCa, hub, site1, stranger, expired } = await testCertificates();
const driver = new GrpcDriver();
const { TLS, MTLS } = ConnectionSecurity;

describe('gRPC under TLS', () => {
  it.each([
    [MTLS, 'site-1'],
    [TLS, undefined],
  ])('under %s shows the names in the certificates that it has verified', async (security, clientName) => {
    using listener = await listening(driver, serverParams(hub, security));
    const accepted = listener.next();
    const active = await connected(clientParams(listener.url, site1, security));
    const passive = await accepted;
    expect(active.properties).toMatchObject({ peer_cn: 'hub', tls: 'TLSv1.3' });
    expect(passive.properties).toMatchObject({ tls: 'TLSv1.3' });
    expect(passive.properties.peer_cn).toBe(clientName);
    expect(passive.properties.peer_addr).toBe(active.properties.local_addr);
    expect(active.properties.peer_addr).toBe(passive.properties.local_addr);
    await Promise.all([active.close(), passive.close()]);
  });

  it('does not look at host names: a certificate for site-1 serves at 127.0.0.1', async () => {
    using listener = await listening(driver, serverParams(site1, TLS));
    const accepted = listener.next();
    const active = await connected(clientParams(listener.url, site1, TLS));
    expect(active.properties.peer_cn).toBe('site-1');
    await Promise.all([active.close(), (await accepted).close()]);
  });

  it.each([
    ['of a stranger', stranger, ca],
    ['that has expired', expired, ca],
    ['of a CA that we do not know', hub, strangerCa],
  ])('refuses a server with a certificate %s, and tells why', async (_what, pair, trusted) => {
    using listener = await listening(driver, serverParams(pair, TLS));
    const failure = await failureOf({ ...clientParams(listener.url, site1, TLS), ca_cert: trusted });
    expect(failure).toMatchObject({ code: CommErrorCode.BAD_CONFIG });
    expect(systemCode(failure)).toMatch(/^(UNABLE_TO_|SELF_SIGNED_|CERT_)/);
  });

  it.each([
    ['of a stranger', stranger],
    ['that has expired', expired],
  ])('refuses a client with a certificate %s, and serves the next one', async (_what, pair) => {
    using listener = await listening(driver, serverParams(hub, MTLS));
    // Servers of Node say nothing of the reason.
    const failure = await failureOf(clientParams(listener.url, pair, MTLS));
    expect(failure).toMatchObject({ code: CommErrorCode.CLOSED });
    await serves(listener.url, () => listener.next());
  });

  it('refuses a client without a certificate, and serves the next one', async () => {
    using listener = await listening(driver, serverParams(hub, MTLS));
    const failure = await failureOf(clientParams(listener.url, site1, TLS));
    expect(failure).toMatchObject({ code: CommErrorCode.BAD_CONFIG });
    expect(systemCode(failure)).toMatch(/^ERR_SSL_/);
    await serves(listener.url, () => listener.next());
  });

  it('refuses a client that speaks no TLS, and serves the next one', async () => {
    using listener = await listening(driver, serverParams(hub, MTLS));
    const failure = await failureOf(parseUrl(listener.url.replace('grpcs:', 'grpc:')));
    expect(failure).toMatchObject({ code: CommErrorCode.CLOSED });
    await serves(listener.url, () => listener.next());
  });

  it('tells a client that the server speaks no TLS', async () => {
    using listener = await listening(driver, parseUrl('grpc://127.0.0.1:0'));
    const failure = await failureOf(clientParams(listener.url.replace('grpc:', 'grpcs:'), site1, TLS));
    expect(failure).toMatchObject({ code: CommErrorCode.BAD_CONFIG });
  });

  it('is BAD_CONFIG without certificates', async () => {
    const params = parseUrl('grpcs://127.0.0.1:1');
    expect(await failureOf(params)).toMatchObject({ code: CommErrorCode.BAD_CONFIG });
    await expect(firstValueFrom(driver.listen(params))).rejects.toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
    });
  });
});

/** A client with a good certificate gets through. */
async function serves(url: string, next: () => ReturnType<typeof connected>): Promise<void> {
  const accepted = next();
  const active = await connected(clientParams(url, site1, MTLS));
  await Promise.all([active.close(), (await accepted).close()]);
}

function serverParams({ cert, key }: CertificatePair, security: ConnectionSecurity): DriverParams {
  const url = parseUrl('grpcs://127.0.0.1:0');
  return { ...url, ca_cert: ca, server_cert: cert, server_key: key, connection_security: security };
}

function clientParams(
  url: string,
  { cert, key }: CertificatePair,
  security: ConnectionSecurity,
): DriverParams {
  const common = { ca_cert: ca, connection_security: security };
  return { ...parseUrl(url), ...common, client_cert: cert, client_key: key };
}

function connected(params: DriverParams) {
  return new Promise<Connection>((resolve, reject) => {
    driver.connect(params).subscribe({ next: resolve, error: reject });
  });
}

async function failureOf(params: DriverParams): Promise<unknown> {
  const made = await firstValueFrom(driver.connect(params)).catch((error: unknown) => error);
  expect(made).toBeInstanceOf(CommError);
  return made;
}
