import type { SecureVersion } from 'node:tls';

/** The certificates and rules of one side of a TLS connection, as options of node:tls. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** Whether a server requests the client's certificate. */
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly minVersion: SecureVersion;
}
