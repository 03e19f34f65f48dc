import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import type { ConnectionProperties } from '../../transport/connection.js';
import { formatAddress } from '../../transport/url.js';
import { tlsProperties } from '../node/tls.js';

/** The properties of a connection on this socket. A proxy's agent may bring one that has no addresses. */
export function socketProperties(socket: Duplex): ConnectionProperties {
  if (!(socket instanceof Socket)) return { local_addr: 'N/A', peer_addr: 'N/A' };
  return {
    local_addr: formatAddress(socket.localAddress, socket.localPort),
    peer_addr: peerAddress(socket),
    ...(socket instanceof TLSSocket ? tlsProperties(socket) : {}),
  };
}

/** `host:port` of the other side. */
function peerAddress(socket: Socket): string {
  return formatAddress(socket.remoteAddress, socket.remotePort);
}
