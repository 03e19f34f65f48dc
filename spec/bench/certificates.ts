import { type TestCertificates, testCertificates } from '../support/certificates.js';

/** The transports that use mutual TLS here. */
const SECURE: readonly string[] = ['stcp', 'https', 'grpcs'];
const VARIABLE = 'RXFLARE_BENCH_CERTIFICATES';

/** Makes the certificates for this process and those that it starts. */
export async function provideCertificates(): Promise<void> {
  process.env[VARIABLE] = JSON.stringify(await testCertificates());
}

/** Whether both sides of a transport show a certificate. */
export function isSecure(transport: string): boolean {
  return SECURE.includes(transport);
}

/** The paths of what one side shows and trusts. */
export function certificatesOf(name: 'hub' | 'site-1'): { ca: string; cert: string; key: string } {
  const { ca, hub, site1 } = JSON.parse(process.env[VARIABLE] ?? '') as TestCertificates;
  return { ca, ...(name === 'hub' ? hub : site1) };
}

/** The same as properties of the connections of an endpoint; none where the transport is not secure. */
export function connectionProperties(transport: string, name: 'hub' | 'site-1'): Record<string, string> {
  if (!isSecure(transport)) return {};
  const { ca, cert, key } = certificatesOf(name);
  return {
    ca_cert: ca,
    server_cert: cert,
    server_key: key,
    client_cert: cert,
    client_key: key,
    connection_security: 'mtls',
  };
}
