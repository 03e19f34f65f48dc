import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

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
 * child of the certificate's common name, which the name binding of mtls accepts.
 */
export function newName(command: string, certificate: string | undefined): string {
  const unique = `${command}-${randomBytes(4).toString('hex')}`;
  if (certificate === undefined || !existsSync(certificate)) return unique;
  const commonName = /^CN=(.+)$/m.exec(new X509Certificate(readFileSync(certificate)).subject)?.[1];
  return commonName === undefined ? unique : `${commonName}.${unique}`;
}
