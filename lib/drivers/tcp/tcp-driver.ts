import type { Observable } from 'rxjs';

import type { Connection } from '../../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Mode,
  Resources,
} from '../../transport/driver.js';
import { late, lazily } from '../lazily.js';
import { requirePort, resolveTcpUrls } from '../node/listen-address.js';

/** `tcp` and `stcp` (also `atcp` and `satcp`): frames back to back on a socket, with TLS if the connector asks for it. */
export class TcpDriver implements Driver {
  readonly schemes = ['tcp', 'stcp', 'atcp', 'satcp'] as const;
  readonly capabilities: DriverCapabilities = { tls: true, heartbeat: true, listen: true };

  check(mode: Mode, params: DriverParams): void {
    requirePort(mode, params);
  }

  connect(params: DriverParams): Observable<Connection> {
    return lazily(load, ({ connect }) => connect(params));
  }

  listen(params: DriverParams): Observable<Listener> {
    return lazily(load, ({ listen }) => listen(params));
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return resolveTcpUrls(scheme, resources);
  }
}

const load = late(() => import('./sockets.js'));
