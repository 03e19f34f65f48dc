import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

import {
  defaultIfEmpty,
  distinctUntilChanged,
  map,
  Observable,
  of,
  switchMap,
  takeUntil,
  takeWhile,
  timer,
} from 'rxjs';

import { opensslFailure } from '../drivers/node/openssl-reason.js';
import { clientTls } from '../drivers/node/tls.js';
import type { PortFinding } from '../monitor/second-look.js';
import type { DriverParams } from '../transport/driver.js';
import { hostToConnect } from '../transport/url.js';

/**
 * A server that accepts a certificate sends session tickets at once; one that is silent this long keeps us as well. One
 * that has not begun TLS by then most likely has none.
 */
const QUIET_MS = 1_500;

/**
 * Makes a connection on which nothing but a TLS handshake is sent, so that whatever ends it is about TLS. It trusts every
 * certificate, since it says nothing to the peer.
 *
 * Emits `open` for a port that is silent at first, and goes on: a busy peer may begin TLS later. Completes with the last
 * finding.
 *
 * @param timeoutMs - the most time for a silent port, in milliseconds
 */
export function lookAtPort(params: DriverParams, timeoutMs: number): Observable<PortFinding> {
  const step$ = handshake(params).pipe(takeUntil(timer(timeoutMs)));
  return step$.pipe(
    switchMap(({ port, isOver }) =>
      isOver ? of(port) : timer(QUIET_MS).pipe(map(() => (port === 'tls-refused' ? 'tls' : port))),
    ),
    takeWhile((port) => port === 'open', true),
    defaultIfEmpty<PortFinding, PortFinding>('closed'),
    distinctUntilChanged(),
  );
}

/** What a port would be if it did no more, at each step of a TLS handshake with it. */
interface Step {
  readonly port: PortFinding;
  readonly isOver: boolean;
}

function handshake(params: DriverParams): Observable<Step> {
  return new Observable((subscriber) => {
    const { cert, key } = clientTls(params) ?? {};
    const tcp = connectTcp({ host: hostToConnect(params), port: params.port ?? 0 });
    const tls = connectTls({
      socket: tcp,
      ...(cert === undefined ? {} : { cert, key }),
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    let port: PortFinding = 'closed';
    const enter = (next: PortFinding): void => {
      port = next;
      subscriber.next({ port, isOver: false });
    };
    const end = (last: PortFinding): void => {
      subscriber.next({ port: last, isOver: true });
      subscriber.complete();
    };
    tcp.once('connect', () => enter('open'));
    // The peer has answered by TLS. Until it has accepted our certificate it may close.
    tls.once('keylog', () => enter('tls-refused'));
    tls.once('session', () => end('tls'));
    tls.once('data', () => end('tls'));
    tls.on('error', (error: Error) => {
      const { detail = 'no-tls' } = opensslFailure(error) ?? {};
      if (detail !== 'no-tls') port = detail === 'other-protocol' ? 'tls' : 'tls-refused';
    });
    tls.once('close', () => end(port));
    return () => {
      tls.destroy();
      tcp.destroy();
    };
  });
}
