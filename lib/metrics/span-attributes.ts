import type { Attributes } from '@opentelemetry/api';

import { causeCode, type CommError } from '../comm-error.js';
import type { ConnectionProperties } from '../transport/connection.js';
import { parseUrl } from '../transport/url.js';

/** What spans say of the URL of a connector: neither its path nor its query, which may have credentials. */
export function urlAttributes(url: string): Attributes {
  try {
    const { scheme, host, port } = parseUrl(url);
    return { 'url.scheme': scheme, ...ifKnown('server.address', host), ...ifKnown('server.port', port) };
  } catch {
    return {}; // Parameters for a driver of one's own may have any text as URL.
  }
}

/** What spans say of a connection. An address that is not `host:port` is one of a transport without network. */
export function connectionAttributes({ peer_addr, tls }: ConnectionProperties): Attributes {
  const { host, port } = /^(?<host>[^/]+):(?<port>\d+)$/.exec(peer_addr)?.groups ?? {};
  return {
    ...(host !== undefined && {
      'network.transport': 'tcp',
      'network.peer.address': host.replaceAll(/[[\]]/g, ''),
      'network.peer.port': Number(port),
    }),
    ...(tls !== undefined && { 'tls.protocol.name': 'tls', 'tls.protocol.version': tls.replace('TLSv', '') }),
  };
}

/** What spans say of an error. Its message is left out: it may quote a URL, or what a peer sent. */
export function errorAttributes(error: CommError): Attributes {
  return {
    'error.type': error.code,
    ...ifKnown('rxflare.error.detail', error.detail),
    ...ifKnown('rxflare.error.cause', causeCode(error)),
  };
}

function ifKnown(name: string, value: string | number | undefined): Attributes {
  return value === undefined || value === '' ? {} : { [name]: value };
}
