import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import { quoted } from '../quoted.js';
import { ConnectionSecurity } from '../transport/driver.js';
import { fieldAtFault } from './field-at-fault.js';

/** What the JSON file of a kit says. Files are named as they are in it. */
export interface KitFacts {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly security: ConnectionSecurity;
  readonly caCert: string;
  readonly cert: string;
  readonly key: string;
  readonly serverIdentity: string | undefined;
  /** Absent where the file does not say it: in a server's, and in a user's up to 2.6. */
  readonly project?: string | undefined;
  /** The user that logs in; absent where it is the one of the certificate. */
  readonly user?: string | undefined;
  /** The name of a site with those of its parents; absent up to 2.7. */
  readonly fqsn?: string | undefined;
}

/** NVFlare's scheme up to 2.6, whose admin kits name none. */
const FIRST_SCHEME = 'grpc';

/** Those of NVFlare that have a host and a port. */
const SCHEMES = [
  'grpc',
  'grpcs',
  'agrpc',
  'agrpcs',
  'http',
  'https',
  'ws',
  'wss',
  'tcp',
  'stcp',
  'atcp',
  'satcp',
];

const text = P.optional(P.string);
const security = P.optional(P.union('clear', 'tls', 'mtls'));
/** Up to 2.7: `host:port:admin port`, where nobody can be asked for the address of the day. */
const overseerAgent = P.optional({ args: P.optional({ sp_end_point: text }) });
const files = { ssl_root_cert: P.string, ssl_cert: P.string, ssl_private_key: P.string };

const siteServer = { name: text, service: P.optional({ scheme: text, target: text }), identity: text };

const CLIENT = {
  servers: [siteServer, ...P.array(siteServer)] as const,
  client: { ...files, fqsn: text, connection_security: security },
  overseer_agent: overseerAgent,
};

const ownServer = {
  service: { scheme: text, target: P.string },
  ...files,
  connection_security: security,
};

const SERVER = { servers: [ownServer, ...P.array(ownServer)] as const };

const ADMIN = {
  admin: {
    ca_cert: P.string,
    client_cert: P.string,
    client_key: P.string,
    project_name: text,
    username: text,
    uid_source: text,
    scheme: text,
    host: text,
    port: P.optional(P.union(P.number, P.string)),
    server_identity: text,
    connection_security: security,
    overseer_agent: overseerAgent,
  },
};

/**
 * A site's `fed_client.json`. The address is in `target` from 2.8 on, before that in the overseer agent. `identity` is there
 * from 2.6 on; before that the server's certificate has its host as common name.
 *
 * @throws CommError `BAD_CONFIG` for any other content
 */
export function clientKit(json: unknown): KitFacts {
  if (!isMatching(CLIENT, json)) throw unknownLayout(CLIENT, json);
  const { client, overseer_agent: agent } = json;
  const [server] = json.servers;
  const address = parseAddress(server.service?.target ?? agent?.args?.sp_end_point);
  return {
    scheme: schemeOf(server.service?.scheme),
    ...address,
    security: client.connection_security ?? ConnectionSecurity.MTLS,
    caCert: client.ssl_root_cert,
    cert: client.ssl_cert,
    key: client.ssl_private_key,
    serverIdentity: server.identity ?? address.host,
    project: server.name,
    fqsn: client.fqsn,
  };
}

/**
 * A user's `fed_admin.json`: with an address of its own from 2.7 on, before that in the overseer agent.
 *
 * @throws CommError `BAD_CONFIG` for any other content
 */
export function adminKit(json: unknown): KitFacts {
  if (!isMatching(ADMIN, json)) throw unknownLayout(ADMIN, json);
  const { admin } = json;
  const { host, port, overseer_agent: agent } = admin;
  const address = parseAddress(
    host === undefined || port === undefined ? agent?.args?.sp_end_point : `${host}:${port}`,
  );
  return {
    scheme: schemeOf(admin.scheme),
    ...address,
    security: admin.connection_security ?? ConnectionSecurity.MTLS,
    caCert: admin.ca_cert,
    cert: admin.client_cert,
    key: admin.client_key,
    serverIdentity: admin.server_identity ?? address.host,
    project: admin.project_name,
    user: admin.uid_source === 'cert' || admin.username === '' ? undefined : admin.username,
  };
}

/**
 * A server's `fed_server.json`.
 *
 * @throws CommError `BAD_CONFIG` for any other content
 */
export function serverKit(json: unknown): KitFacts {
  const [server] = isMatching(SERVER, json) ? json.servers : [];
  if (server === undefined) throw unknownLayout(SERVER, json);
  return {
    scheme: schemeOf(server.service.scheme),
    ...parseAddress(server.service.target),
    security: server.connection_security ?? ConnectionSecurity.MTLS,
    caCert: server.ssl_root_cert,
    cert: server.ssl_cert,
    key: server.ssl_private_key,
    serverIdentity: undefined,
  };
}

function schemeOf(scheme = FIRST_SCHEME): string {
  if (SCHEMES.includes(scheme)) return scheme;
  const text = `expected a server that is reached over grpc, http or tcp, and the kit says "scheme": ${quoted(scheme)}`;
  throw new CommError(CommErrorCode.BAD_CONFIG, text);
}

/** `host:port`, or `host:port:admin port`; the host may be an IPv6 address in brackets. */
function parseAddress(address: string | undefined): { host: string; port: number } {
  const { host, port } =
    /^(?<host>\[[^\]/?#@\\\s]+\]|[^:/?#@\\\s]+):(?<port>\d+)(?::\d+)?$/.exec(address ?? '')?.groups ?? {};
  if (host !== undefined && Number(port) > 0 && Number(port) <= 0xffff)
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
  const found = address === undefined ? 'none' : quoted(address);
  throw new CommError(CommErrorCode.BAD_CONFIG, `expected the server's address as host:port, got ${found}`);
}

function unknownLayout(pattern: object, json: unknown): CommError {
  const fault = fieldAtFault(pattern, json) ?? 'it is empty';
  const text = `expected the layout of NVFlare 2.5 to 2.9, and ${fault}`;
  return new CommError(CommErrorCode.BAD_CONFIG, text);
}
