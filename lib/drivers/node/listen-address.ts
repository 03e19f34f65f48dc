import { createServer } from 'node:net';

import { CommError, CommErrorCode } from '../../comm-error.js';
import {
  ConnectionSecurity,
  type DriverParams,
  type ListenerUrls,
  Mode,
  type Resources,
} from '../../transport/driver.js';
import { candidatePorts } from '../../transport/ports.js';
import { describeParams, formatUrl, isTrue, secureScheme } from '../../transport/url.js';
import { fromNodeError, systemCode } from './node-errors.js';

/**
 * Chooses the URLs of an ad-hoc listener on TCP, by NVFlare's rules (`net_utils.py`).
 *
 * `host` is advertised. Default: `localhost`. `listen_host` is bound. Default: 127.0.0.1 for `localhost`, the address
 * itself for a loopback IPv4 literal, every address for any other host. A secure listener advertises and binds the
 * secure scheme.
 *
 * @throws CommError `BAD_CONFIG` when no port of the ranges is free
 */
export async function resolveTcpUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
  const host = resources.host === undefined || resources.host === '' ? 'localhost' : resources.host;
  const listenHost = resources.listen_host ?? hostToBind(host);
  const port = await choosePort(resources, bindHost(listenHost));
  const finalScheme = wantsTls(resources) ? secureScheme(scheme) : scheme;
  return {
    connectUrl: formatUrl(finalScheme, host, port),
    listenUrl: formatUrl(finalScheme, listenHost, port),
  };
}

/** The host as node:net expects it: `undefined` for every address, and IPv4 for `localhost`, as Python connects there. */
export function bindHost(host: string | undefined): string | undefined {
  if (host === undefined || host === '' || host === '0') return undefined;
  return isLocalhost(host) ? '127.0.0.1' : host;
}

/**
 * The port of a connector. A listener may have 0, for any that is free.
 *
 * @throws CommError `BAD_CONFIG` where it has none that can work
 */
export function requirePort(mode: Mode, params: DriverParams): number {
  const port = Number(params.port);
  const min = mode === Mode.ACTIVE ? 1 : 0;
  if (Number.isInteger(port) && port >= min && port <= 0xffff) return port;
  const detail = `expected a port from ${min} to 65535, got ${String(params.port ?? 'none')}`;
  throw new CommError(CommErrorCode.BAD_CONFIG, `${describeParams(params)}: ${detail}`);
}

function hostToBind(host: string): string {
  if (isLocalhost(host)) return '127.0.0.1';
  return /^127\.\d+\.\d+\.\d+$/.test(host) ? host : '';
}

function isLocalhost(host: string): boolean {
  return /^localhost\.?$/i.test(host);
}

/** `connection_security` wins over the flag, as in NVFlare's `requires_secure_connection`. */
function wantsTls({ connection_security, secure }: Resources): boolean {
  return connection_security === undefined
    ? isTrue(secure)
    : connection_security !== ConnectionSecurity.CLEAR;
}

async function choosePort({ port, ports }: Resources, host: string | undefined): Promise<number> {
  if (port !== undefined && port !== 0) return port;
  const candidates = ports === undefined ? [0] : candidatePorts(ports);
  for (const candidate of candidates) {
    const free = await probe(candidate, host);
    if (free !== undefined) return free;
  }
  throw new CommError(
    CommErrorCode.BAD_CONFIG,
    `no free port in ${JSON.stringify(ports)} (tried ${candidates.length})`,
  );
}

/** Binds a port for a moment and returns it, `undefined` if it is taken. Port 0 lets the system choose. */
function probe(port: number, host: string | undefined): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (['EADDRINUSE', 'EACCES'].includes(systemCode(error))) resolve(undefined);
      else reject(fromNodeError(error, `port ${port}`));
    });
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
