import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

import { diagnose } from '../monitor/diagnose.js';
import type { DriverParams } from '../transport/driver.js';
import { isTrue, parseUrl } from '../transport/url.js';
import type { Printer } from './printer.js';
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

/** Prints in one line why a peer cannot be reached, and sets the exit code to 1. */
export function printDiagnosis(printer: Printer, thrown: unknown): void {
  const { diagnosis, text, error } = diagnose(thrown);
  printer.print({ event: 'error', code: error.code, message: `${text} (${error.message})`, diagnosis });
  process.exitCode = 1;
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
