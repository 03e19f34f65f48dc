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

/**
 * `grpc` and `grpcs` (also `agrpc` and `agrpcs`): frames as the messages of one bidirectional stream, with TLS if the
 * connector asks for it.
 */
export class GrpcDriver implements Driver {
  readonly schemes = ['grpc', 'grpcs', 'agrpc', 'agrpcs'] as const;
  readonly capabilities: DriverCapabilities = { tls: true, heartbeat: true, listen: true };

  check(mode: Mode, params: DriverParams): void {
    requirePort(mode, params);
  }

  connect(params: DriverParams): Observable<Connection> {
    return lazily(loadConnect, ({ connectGrpc }) => connectGrpc(params));
  }

  listen(params: DriverParams): Observable<Listener> {
    return lazily(loadListen, ({ listenGrpc }) => listenGrpc(params));
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return resolveTcpUrls(scheme, resources);
  }
}

const loadConnect = late(() => import('./connect.js'));
const loadListen = late(() => import('./listen.js'));
