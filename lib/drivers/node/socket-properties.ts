import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import type { ConnectionProperties } from '../../transport/connection.js';
import { formatAddress } from '../../transport/url.js';
import { tlsProperties } from './tls.js';

/** The properties of a connection on a socket. A proxy agent may bring a stream that has no addresses: `N/A`. */
export function socketProperties(socket: Duplex): ConnectionProperties {
  if (!(socket instanceof Socket)) return { local_addr: 'N/A', peer_addr: 'N/A' };
  return {
    local_addr: formatAddress(socket.localAddress, socket.localPort),
    peer_addr: remoteAddress(socket),
    ...(socket instanceof TLSSocket ? tlsProperties(socket) : {}),
  };
}

/** `host:port` of the other side. */
export function remoteAddress({ remoteAddress, remotePort }: Socket): string {
  return formatAddress(remoteAddress, remotePort);
}
