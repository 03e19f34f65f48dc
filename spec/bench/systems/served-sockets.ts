import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';

import type { Served } from '../system.js';

/**
 * Listens on a loopback port.
 *
 * @param sockets - those that were accepted, which `close` ends
 */
export async function servedOn(server: Server, sockets: ReadonlySet<Socket>): Promise<Served> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: String((server.address() as AddressInfo).port),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      return Promise.resolve();
    },
  };
}
