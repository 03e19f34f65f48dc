import { ConnectionSecurity } from '../../lib/index.js';
import type { TestCertificates } from '../support/certificates.js';
import { NVFLARE_VERSIONS } from './set-up.js';

/** One combination to prove. */
export interface Cell {
  readonly version: string;
  readonly scheme: string;
  readonly security: ConnectionSecurity;
  readonly listener: 'python' | 'typescript';
}

/** The ways to travel. */
const LINKS: readonly Pick<Cell, 'scheme' | 'security'>[] = [
  { scheme: 'tcp', security: ConnectionSecurity.CLEAR },
  { scheme: 'stcp', security: ConnectionSecurity.TLS },
  { scheme: 'stcp', security: ConnectionSecurity.MTLS },
];

/** Every combination that the versions have. */
export const CELLS: readonly Cell[] = NVFLARE_VERSIONS.flatMap((version) =>
  LINKS.flatMap(({ scheme, security }) =>
    (['python', 'typescript'] as const).map((listener) => ({ version, scheme, security, listener })),
  ),
).filter((cell) => impossible(cell) === undefined);

/** What a version cannot do, for the printed table. */
export function impossible({ version, security, listener }: Cell): string | undefined {
  const oneWay = security === ConnectionSecurity.TLS && version === '2.5.1' && listener === 'python';
  return oneWay ? 'NVFlare 2.5.1 listeners always demand a client certificate' : undefined;
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

/** The connection properties of one side; the same names in both languages. */
export function credentials(
  { security }: Cell,
  name: string,
  certificates: TestCertificates,
): Record<string, string> {
  if (security === ConnectionSecurity.CLEAR) return {};
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
