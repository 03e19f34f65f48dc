import { randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { commonNameOf } from '../flare/check-credentials.js';
import type { DriverParams } from '../transport/driver.js';
import { isTrue, parseUrl } from '../transport/url.js';
import { asksForTls, type TlsOptions, tlsResources } from './tls-options.js';

/** The parameters to connect to a URL with the options of a command. */
export function clientParams(url: string, options: TlsOptions): DriverParams {
  const parsed = parseUrl(url);
  return {
    ...parsed,
    ...tlsResources(options, 'client'),
    secure: asksForTls(options) || isTrue(parsed.secure),
  };
}

/**
 * A new endpoint name: a second connection under a name in use would close the first. With a certificate the name is a
 * child of the certificate's common name, which the name binding of mtls accepts. The common name of a user is an e-mail
 * address: NVFlare's servers admit such a certificate under the names of admin sessions.
 */
export function newName(command: string, certificate: string | undefined): string {
  const unique = `${command}-${randomBytes(4).toString('hex')}`;
  if (certificate === undefined) return unique;
  const commonName = commonNameOf(new X509Certificate(readFileSync(certificate)));
  if (commonName === undefined) return unique;
  return commonName.includes('@') ? `_admin_${randomUUID()}` : `${commonName}.${unique}`;
}
