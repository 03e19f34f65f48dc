import { CommanderError } from 'commander';

import { CommError, CommErrorCode } from '../comm-error.js';
import { checkCredentials } from '../flare/check-credentials.js';
import { type KitRole, readStartupKit, type StartupKit } from '../flare/startup-kit.js';
import type { IdentityMap } from '../options.js';
import { ConnectionSecurity } from '../transport/driver.js';
import { formatUrl, isMutualTls, parseUrl } from '../transport/url.js';
import { ExitCode } from './exit-code.js';
import type { Printer } from './printer.js';
import { asksForTls, type TlsOptions } from './tls-options.js';

/** The options that all commands have about the other side and its certificates. */
export interface KitOptions extends TlsOptions {
  /** The folder of an NVFlare startup kit. */
  readonly kit?: string;
  /** The own endpoint name. */
  readonly name?: string;
  /** Endpoint names to the common names of their certificates. */
  readonly identity: Readonly<Record<string, string>>;
  /** The public properties of the own endpoint. */
  readonly property: Readonly<Record<string, string>>;
}

/** The URL and options of a command that connects, completed from a kit. */
export interface ClientTarget<T extends KitOptions> {
  readonly url: string;
  readonly options: T;
  /** Which certificates endpoints must show: the server of a kit, and those of `--identity`. */
  readonly identityMap: IdentityMap;
}

/** NVFlare's name for the endpoint of every server. */
const SERVER_NAME = 'server';

/**
 * Completes a command that connects from `--kit`, where that is given: what the command line says comes first. Then checks
 * the certificates, and prints warnings.
 *
 * @throws CommanderError without a URL; CommError `BAD_CONFIG` for a server's kit, and for files that cannot work
 */
export function completeFromKit<T extends KitOptions>(
  given: string | undefined,
  asked: T,
  printer: Printer,
): ClientTarget<T> {
  const kit = kitOf(asked, ['client', 'admin']);
  const options = kit === undefined ? asked : { ...tlsOf(kit), ...asked };
  const url = given ?? (kit && formatUrl(kit.scheme, kit.host, kit.port));
  if (url === undefined) throw noUrl();
  check(options, isBound(url, options) ? options.name : undefined, printer);
  const { serverIdentity } = kit ?? {};
  const ofKit = serverIdentity === undefined ? {} : { [SERVER_NAME]: serverIdentity };
  return { url, options, identityMap: { exact: { ...ofKit, ...options.identity } } };
}

/**
 * Completes a command that listens from `--kit`, as {@link completeFromKit}. A hub of a kit has NVFlare's name for servers.
 *
 * @param defaultName - the name of a hub without a kit and `--name`
 * @throws CommanderError without a URL; CommError `BAD_CONFIG` for the kit of a site or user, and for files that cannot
 * work
 */
export function completeServerFromKit<T extends KitOptions>(
  given: readonly string[],
  asked: T,
  printer: Printer,
  defaultName: string,
): { readonly urls: readonly string[]; readonly options: T; readonly identityMap: IdentityMap } {
  const kit = kitOf(asked, ['server']);
  const options = kit === undefined ? asked : { ...tlsOf(kit), name: SERVER_NAME, ...asked };
  const urls = kit === undefined || given.length > 0 ? given : [formatUrl(kit.scheme, '', kit.port)];
  if (urls.length === 0) throw noUrl();
  const { name = defaultName, identity } = options;
  // The sites of a kit know whose certificate the server has.
  const isChecked = kit === undefined && urls.some((url) => isBound(url, options));
  check(options, isChecked ? (identity[name] ?? name) : undefined, printer);
  return { urls, options, identityMap: { exact: identity } };
}

function kitOf({ kit: path }: KitOptions, roles: readonly KitRole[]): StartupKit | undefined {
  const kit = path === undefined ? undefined : readStartupKit(path);
  if (kit === undefined || roles.includes(kit.role)) return kit;
  const detail = `expected the startup kit of a ${roles.join(' or ')}, got that of a ${kit.role}`;
  const hint = kit.role === 'server' ? '; rxflare listen --kit is for that' : '';
  throw new CommError(CommErrorCode.BAD_CONFIG, `${kit.directory}: ${detail}${hint}`);
}

function tlsOf({ role, security, caCert, cert, key }: StartupKit): TlsOptions {
  if (security === ConnectionSecurity.CLEAR) return { connectionSecurity: security };
  const hasOwn = role === 'server' || security === ConnectionSecurity.MTLS;
  return { connectionSecurity: security, caCert, ...(hasOwn ? { cert, key } : {}) };
}

/** Whether the hub binds the name that we present to our certificate. */
export function isBound(url: string, options: TlsOptions): boolean {
  const { connectionSecurity } = options;
  const security = connectionSecurity === undefined ? {} : { connection_security: connectionSecurity };
  return isMutualTls({ ...parseUrl(url), ...security, ...(asksForTls(options) ? { secure: true } : {}) });
}

function check({ caCert, cert, key }: TlsOptions, name: string | undefined, printer: Printer): void {
  for (const warning of checkCredentials({ caCert, cert, key, name }))
    printer.print({ event: 'notice', message: `warning: ${warning}` });
}

function noUrl(): CommanderError {
  const text = 'error: expected a URL, or --kit and the folder of a startup kit';
  return new CommanderError(ExitCode.USAGE, 'rxflare.noUrl', text);
}
