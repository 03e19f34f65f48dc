import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { ConnectionProperties } from '../../transport/connection.js';
import { formatAddress } from '../../transport/url.js';
import { tlsProperties } from '../node/tls.js';

/** What the socket below a stream knows of the connection. */
export function socketProperties(socket: Socket): ConnectionProperties {
  return {
    local_addr: formatAddress(socket.localAddress, socket.localPort),
    peer_addr: formatAddress(socket.remoteAddress, socket.remotePort),
    ...(socket instanceof TLSSocket ? tlsProperties(socket) : {}),
  };
}
