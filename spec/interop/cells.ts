import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ConnectionSecurity } from '../../lib/index.js';
import type { TestCertificates } from '../support/certificates.js';
import { freePort } from '../support/free-port.js';
import { NVFLARE_VERSIONS } from './set-up.js';

/** One combination to prove. */
export interface Cell {
  readonly version: string;
  readonly scheme: string;
  readonly security: ConnectionSecurity;
  readonly listener: 'python' | 'typescript';
}

const { CLEAR, TLS, MTLS } = ConnectionSecurity;
const MIB = 1024 ** 2;

/** The ways to travel. */
const LINKS: readonly Pick<Cell, 'scheme' | 'security'>[] = [
  { scheme: 'tcp', security: CLEAR },
  { scheme: 'stcp', security: TLS },
  { scheme: 'stcp', security: MTLS },
  { scheme: 'http', security: CLEAR },
  { scheme: 'https', security: TLS },
  { scheme: 'https', security: MTLS },
  { scheme: 'grpc', security: CLEAR },
  { scheme: 'grpcs', security: TLS },
  { scheme: 'grpcs', security: MTLS },
  { scheme: 'shared-file', security: CLEAR },
];

/** Every combination that the versions have. */
export const CELLS: readonly Cell[] = NVFLARE_VERSIONS.flatMap((version) =>
  LINKS.flatMap(({ scheme, security }) =>
    (['python', 'typescript'] as const).map((listener) => ({ version, scheme, security, listener })),
  ),
).filter(isPossible);

/** NVFlare 2.5.1 has no shared files, and its listeners always demand a client certificate under TLS. */
function isPossible({ version, scheme, security, listener }: Cell): boolean {
  if (version !== '2.5.1') return true;
  return scheme !== 'shared-file' && !(security === TLS && listener === 'python');
}

/** `2.9.0 stcp mtls, python listens`. */
export function describeCell({ version, scheme, security, listener }: Cell): string {
  return `${version} ${scheme} ${security}, ${listener} listens`;
}

/** Who the two are: the one that listens is the hub, since names are bound to certificates under mtls. */
export function namesOf({ listener }: Cell): { python: string; typescript: string } {
  return listener === 'python'
    ? { python: 'hub', typescript: 'site-1' }
    : { python: 'site-1', typescript: 'hub' };
}

/** An address that nobody uses. */
export async function freshUrl({ scheme }: Cell): Promise<string> {
  if (scheme === 'shared-file') {
    // A killed peer is noticed when its lease runs out, by default after a minute.
    return `shared-file://0${await mkdtemp(join(tmpdir(), 'rxflare-interop-'))}?lease_interval=0.5&lease_timeout=3`;
  }
  return `${scheme}://127.0.0.1:${await freePort()}`;
}

/** The connection properties of one side; the same names in both languages. */
export function credentials(
  { security }: Cell,
  name: string,
  certificates: TestCertificates,
): Record<string, string> {
  if (security === CLEAR) return {};
  const pair = name === 'hub' ? certificates.hub : certificates.site1;
  return {
    ca_cert: certificates.ca,
    server_cert: pair.cert,
    server_key: pair.key,
    client_cert: pair.cert,
    client_key: pair.key,
    connection_security: security,
  };
}

/** Under tls a listener sees no certificate; where there is one it was verified. */
export function expectedCommonName({ security, listener }: Cell): string | undefined {
  if (security === CLEAR || (security === TLS && listener === 'typescript')) return undefined;
  return listener === 'python' ? 'hub' : 'site-1';
}

/** The WebSocket clients of NVFlare 2.9 refuse frames of 4 MiB and more; a little is for the headers. */
export function maxPayloadToPython({ version, scheme, listener }: Cell): number {
  const isLimited = version === '2.9.0' && scheme.startsWith('http') && listener === 'typescript';
  return isLimited ? 4 * MIB - 1024 : 64 * MIB;
}

/** NVFlare 2.5.1 does not tell its monitors when a WebSocket is closed in good order. */
export function noticesCleanEnd({ version, scheme }: Cell): boolean {
  return !(version === '2.5.1' && scheme.startsWith('http'));
}
