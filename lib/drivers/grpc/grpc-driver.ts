import { defer, Observable, switchMap } from 'rxjs';

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
import { requirePort, resolveTcpUrls } from '../listen-address.js';
import { clientTls } from '../tls.js';
import { ActiveCall } from './active-call.js';
import { GrpcConnection } from './grpc-connection.js';
import { type GrpcJs, loadGrpcJs } from './grpc-js.js';
import { listenGrpc } from './grpc-listener.js';
import { socketProperties } from './socket-properties.js';

/**
 * `grpc` and `grpcs` (also `agrpc` and `agrpcs`): frames as the messages of one
 * bidirectional stream, with TLS where it is asked for. Loads `@grpc/grpc-js` when it is first used.
 */
export class GrpcDriver implements Driver {
  readonly schemes = ['grpc', 'grpcs', 'agrpc', 'agrpcs'] as const;
  readonly capabilities: DriverCapabilities = { tls: true, heartbeat: true, listen: true };

  connect(params: DriverParams): Observable<Connection> {
    return defer(loadGrpcJs).pipe(switchMap((grpc) => connectGrpc(grpc, params)));
  }

  listen(params: DriverParams): Observable<Listener> {
    return defer(loadGrpcJs).pipe(switchMap((grpc) => listenGrpc(grpc, params)));
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return resolveTcpUrls(scheme, resources);
  }
}

function connectGrpc(grpc: GrpcJs, params: DriverParams): Observable<Connection> {
  return new Observable((subscriber) => {
    const context = describeParams(params);
    const call = new ActiveCall(grpc, {
      host: params.host === undefined || params.host === '' ? 'localhost' : params.host,
      port: requirePort(params),
      tls: clientTls(params),
      context,
    });
    call.established().then(
      () => {
        const connection = new GrpcConnection(call, socketProperties(call.socket));
        subscriber.next(connection);
        subscriber.add(connection.closed$.subscribe(subscriber));
        subscriber.add(
          () => void connection.close(new CommError(CommErrorCode.CLOSED, `${context}: released`)),
        );
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => void call.release();
  });
}
