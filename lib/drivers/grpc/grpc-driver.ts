import { Observable, switchMap } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection } from '../../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Resources,
} from '../../transport/driver.js';
import { describeParams } from '../../transport/url.js';
import { resolveTcpUrls } from '../node/listen-address.js';
import { ActiveConnection } from './active-connection.js';
import { listenGrpc } from './listen.js';
import { type OpenSession, openSession } from './open-session.js';

/**
 * `grpc` and `grpcs` (also `agrpc` and `agrpcs`): frames as the messages of one bidirectional stream, with TLS where
 * it is asked for.
 */
export class GrpcDriver implements Driver {
  readonly schemes = ['grpc', 'grpcs', 'agrpc', 'agrpcs'] as const;
  readonly capabilities: DriverCapabilities = { tls: true, heartbeat: true, listen: true };

  connect(params: DriverParams): Observable<Connection> {
    const context = describeParams(params);
    return openSession(params).pipe(switchMap((session) => callOn(session, context)));
  }

  listen(params: DriverParams): Observable<Listener> {
    return listenGrpc(params);
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return resolveTcpUrls(scheme, resources);
  }
}

/** Emits the connection, and lets go of it at the end. */
function callOn(session: OpenSession, context: string): Observable<Connection> {
  return new Observable((subscriber) => {
    const connection = new ActiveConnection(session);
    subscriber.next(connection);
    subscriber.add(connection.closed$.subscribe(subscriber));
    subscriber.add(() => void connection.close(new CommError(CommErrorCode.CLOSED, `${context}: released`)));
  });
}
