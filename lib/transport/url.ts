import { CommError, CommErrorCode } from '../comm-error.js';
import { ConnectionSecurity, type DriverParams } from './driver.js';

/** Schemes that mean TLS, as in NVFlare's `net_utils`. */
const SECURE_SCHEMES: ReadonlySet<string> = new Set([
  'https',
  'wss',
  'grpcs',
  'agrpcs',
  'ngrpcs',
  'stcp',
  'satcp',
]);

/** The secure twin of each scheme that has one. */
const SECURE_TWIN: Readonly<Record<string, string>> = {
  tcp: 'stcp',
  atcp: 'satcp',
  http: 'https',
  ws: 'wss',
  grpc: 'grpcs',
  agrpc: 'agrpcs',
};

/**
 * Takes a connector URL apart, as NVFlare's `parse_url` does: `scheme://host:port/path?query#frag`. Host
 * `0` stands for any address and becomes the empty host; query keys become parameters of their own.
 *
 * @throws CommError `BAD_CONFIG` where it is not such a URL
 */
export function parseUrl(url: string): DriverParams {
  const match = URL_PARTS.exec(url)?.groups;
  if (match === undefined) throw badUrl(url, 'expected scheme://host:port');
  const { scheme = '', authority = '', path = '', query = '', frag = '' } = match;
  return {
    ...Object.fromEntries(new URLSearchParams(query)),
    url,
    scheme: scheme.toLowerCase(),
    ...parseAuthority(url, authority),
    ...splitParams(scheme.toLowerCase(), path),
    query,
    frag,
  };
}

const URL_PARTS =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<authority>[^/?#]*)(?<path>[^?#]*)(?:\?(?<query>[^#]*))?(?:#(?<frag>.*))?$/is;

/** Only http has parameters behind the last part of its path, as in Python's `urlparse`. */
function splitParams(scheme: string, path: string): { path: string; params: string } {
  const at = scheme.startsWith('http') ? path.indexOf(';', path.lastIndexOf('/')) : -1;
  return at === -1 ? { path, params: '' } : { path: path.slice(0, at), params: path.slice(at + 1) };
}

function parseAuthority(url: string, authority: string): { host: string; port?: number } {
  if (authority.includes('@')) throw badUrl(url, 'user names are not supported');
  try {
    // Under a scheme that URL does not know, all are treated alike: host `0` stays `0`, and port 80 stays.
    const { hostname, port } = new URL(`f3://${authority}`);
    const host = hostname === '0' ? '' : hostname.replaceAll(/[[\]]/g, '');
    return port === '' ? { host } : { host, port: Number(port) };
  } catch (error) {
    throw CommError.from(error, `bad URL ${JSON.stringify(publicUrl(url))}`, CommErrorCode.BAD_CONFIG);
  }
}

/** `scheme://host:port`, with `0` for the empty host and brackets around IPv6. */
export function formatUrl(scheme: string, host: string, port: number, path = ''): string {
  return `${scheme}://${formatHost(host)}:${port}${path}`;
}

/** `host:port` as properties show it. */
export function formatAddress(host: string | undefined, port: number | undefined): string {
  return host === undefined || port === undefined ? 'N/A' : `${formatHost(plainHost(host))}:${port}`;
}

/** The host to connect to. Default: `localhost`. */
export function hostToConnect({ host }: DriverParams): string {
  return host === undefined || host === '' ? 'localhost' : host;
}

/** The URL of a connector, for messages: what {@link publicUrl} leaves of it. */
export function describeParams(params: DriverParams): string {
  if (params.url !== undefined) return publicUrl(params.url);
  return formatUrl(params.scheme, params.host ?? '', params.port ?? 0, params.path);
}

/** A URL as logs, events and errors show it: without user name, query and fragment, which may hold a secret. */
export function publicUrl(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/^([^/]*:\/\/)?[^/]*@/, '$1');
}

/** Whether TLS applies: the scheme is secure, or `secure` is true. */
export function needsTls(params: DriverParams): boolean {
  return SECURE_SCHEMES.has(params.scheme) || isTrue(params.secure);
}

/** Whether both sides show a certificate: TLS applies, and nothing says that the server's alone will do. */
export function isMutualTls(params: DriverParams): boolean {
  return (
    needsTls(params) && (params.connection_security ?? ConnectionSecurity.MTLS) === ConnectionSecurity.MTLS
  );
}

/** The secure form of a scheme; the scheme itself where there is none. */
export function secureScheme(scheme: string): string {
  return SECURE_TWIN[scheme] ?? scheme;
}

/** Flags arrive as booleans from code and as text from URLs. */
export function isTrue(flag: unknown): boolean {
  return (
    flag === true ||
    (typeof flag === 'string' && ['true', '1', 'yes', 'y', 'on'].includes(flag.toLowerCase()))
  );
}

function formatHost(host: string): string {
  if (host === '') return '0';
  return host.includes(':') ? `[${host}]` : host;
}

/** IPv4 as IPv4, also where it came in on a socket for both families. */
function plainHost(host: string): string {
  return host.replace(/^::ffff:(?=\d+\.)/, '');
}

function badUrl(url: string, detail: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `bad URL ${JSON.stringify(publicUrl(url))}: ${detail}`);
}
