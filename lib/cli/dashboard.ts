import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { CommErrorCode, CommError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { Communicator } from '../index.js';
import { serveRelay } from '../monitor/serve-relay.js';
import { PageAccess } from './page-access.js';
import { pageServer } from './page-server.js';

/** The page of a hub. */
export interface Dashboard {
  /** A new link for a browser on this machine. Each lets in once, and no one else. */
  readonly newLink: () => string;
  /** Whether an endpoint is the page. */
  readonly isPage: (endpoint: Endpoint) => boolean;
  readonly close: () => void;
}

/**
 * Serves the dashboard page, and on the same port a WebSocket listener of the hub for it. It listens on the loopback
 * address only, since the page may send in the name of the hub. It lets in who has a link, and no other user of this
 * machine: see {@link PageAccess}.
 *
 * @param app - the app ID whose messages the page shows and sends
 * @throws CommError `BAD_CONFIG` where the port is taken, `NOT_SUPPORTED` where the page was not built
 */
export async function serveDashboard(hub: Communicator, port: number, app: number): Promise<Dashboard> {
  const access = new PageAccess();
  const server = pageServer((request, response) => access.handle(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening').catch((error: unknown) => {
    throw CommError.from(error, `dashboard on port ${port}`, CommErrorCode.BAD_CONFIG);
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  access.guard(server);
  hub.attach(server);
  const isPage = ({ connProps }: Endpoint): boolean => connProps.local_addr === address;
  serveRelay(hub, { allow: isPage, apps: [app], disconnect: true });
  return {
    newLink: () => `http://${address}/#${access.newLink()}`,
    isPage,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
