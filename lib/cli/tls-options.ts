import { ConnectionSecurity, type Resources } from '../transport/driver.js';

/** The TLS options that all commands have. */
export interface TlsOptions {
  readonly caCert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly connectionSecurity?: ConnectionSecurity;
}

/** The options as connector parameters, under NVFlare's names. */
export function tlsResources(options: TlsOptions, role: 'server' | 'client'): Resources {
  const { caCert, cert, key, connectionSecurity } = options;
  return {
    ...(caCert === undefined ? {} : { ca_cert: caCert }),
    ...(cert === undefined ? {} : { [`${role}_cert`]: cert }),
    ...(key === undefined ? {} : { [`${role}_key`]: key }),
    ...(connectionSecurity === undefined ? {} : { connection_security: connectionSecurity }),
  };
}

/** Whether the options ask for TLS, even where the scheme does not. */
export function asksForTls({ connectionSecurity }: TlsOptions): boolean {
  return connectionSecurity === ConnectionSecurity.TLS || connectionSecurity === ConnectionSecurity.MTLS;
}
