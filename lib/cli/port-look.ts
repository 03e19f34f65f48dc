import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { Observable, take, timer } from 'rxjs';

import { opensslFailure } from '../drivers/node/openssl-reason.js';
import { clientTls } from '../drivers/node/tls.js';
import type { PortFinding } from '../monitor/second-look.js';
import type { DriverParams } from '../transport/driver.js';
import { hostToConnect } from '../transport/url.js';

/** A server that accepts a certificate sends session tickets at once; one that is silent this long keeps us as well. */
const QUIET_MS = 1_500;

/**
 * Makes a connection on which nothing but a TLS handshake is sent, so that whatever ends it is about TLS. It trusts every
 * certificate, since it says nothing to the peer.
 */
export function lookAtPort(params: DriverParams): Observable<PortFinding> {
  const finding$ = new Observable<PortFinding>((subscriber) => {
    const { cert, key } = clientTls(params) ?? {};
    const tcp = connectTcp({ host: hostToConnect(params), port: params.port ?? 0 });
    const tls = connectTls({
      socket: tcp,
      ...(cert === undefined ? {} : { cert, key }),
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    let found: PortFinding = 'closed';
    tcp.once('connect', () => (found = 'open'));
    // The peer has answered by TLS. Until it has accepted our certificate it may close.
    tls.once('keylog', () => (found = 'tls-refused'));
    tls.once('session', () => subscriber.next('tls'));
    tls.once('data', () => subscriber.next('tls'));
    tls.on('error', (error: Error) => {
      const { detail = 'no-tls' } = opensslFailure(error) ?? {};
      if (detail !== 'no-tls') found = detail === 'other-protocol' ? 'tls' : 'tls-refused';
    });
    tls.once('close', () => subscriber.next(found));
    const quiet = timer(QUIET_MS).subscribe(() => subscriber.next(found === 'tls-refused' ? 'tls' : found));
    return () => {
      quiet.unsubscribe();
      tls.destroy();
      tcp.destroy();
    };
  });
  return finding$.pipe(take(1));
}
