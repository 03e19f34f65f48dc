import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { Observable } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { type DriverParams, Mode } from '../../transport/driver.js';
import { describeParams, formatAddress, hostToConnect } from '../../transport/url.js';
import { requirePort } from '../node/listen-address.js';
import { clientTls } from '../node/tls.js';
import { resumeTls } from '../node/tls-tickets.js';
import { TlsWatch } from '../node/tls-watch.js';
import { CLIENT_OPTIONS, WINDOW_BYTES } from './http2.js';
import { fromHttp2Error } from './status.js';

/** An HTTP/2 session with a server, and its socket. */
export interface OpenSession {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  /** `host:port`, which requests name as the server. */
  readonly authority: string;
}

/**
 * Connects to a server until both sides speak HTTP/2, and emits one session, which then belongs to the subscriber.
 * Unsubscribing before that leaves nothing open; it waits as long as the subscriber does.
 *
 * It cannot wait for a gRPC response: a passive F3 peer sends nothing before the HELLO of the active one.
 */
export function openSession(params: DriverParams): Observable<OpenSession> {
  const context = describeParams(params);
  return new Observable((subscriber) => {
    const { socket, readyEvent, origin, authority } = openSocket(params);
    const watch = new TlsWatch(socket);
    let isOpen = false;
    socket.on('error', (error) => subscriber.error(sessionError(error, watch, context)));
    socket.once('close', () => {
      const detail = 'the peer closed the connection before it spoke HTTP/2';
      const closed = new CommError(CommErrorCode.CLOSED, `${context}: ${detail}`);
      subscriber.error(watch.refusal(context) ?? closed);
    });
    socket.once(readyEvent, () => {
      socket.setNoDelay(true);
      const session = connectHttp2(origin, { ...CLIENT_OPTIONS, createConnection: () => socket });
      session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
      session.on('error', (error: Error) => subscriber.error(sessionError(error, watch, context)));
      session.once('remoteSettings', () => {
        isOpen = true;
        subscriber.next({ session, socket, authority });
        subscriber.complete();
      });
    });
    return () => {
      if (!isOpen) socket.destroy();
    };
  });
}

function sessionError(error: Error, watch: TlsWatch, context: string): CommError {
  const failed = fromHttp2Error(error, context);
  return failed.code === CommErrorCode.CLOSED ? (watch.refusal(context) ?? failed) : failed;
}

interface Opening {
  readonly socket: Socket;
  readonly readyEvent: 'connect' | 'secureConnect';
  /** Tells Node the scheme only: the socket is given, and the request names the server. */
  readonly origin: string;
  readonly authority: string;
}

function openSocket(params: DriverParams): Opening {
  const material = clientTls(params);
  const host = hostToConnect(params);
  const address = { host, port: requirePort(Mode.ACTIVE, params) };
  const authority = formatAddress(host, address.port);
  if (material === undefined)
    return { socket: connectTcp(address), readyEvent: 'connect', origin: 'http://localhost', authority };
  const resumption = resumeTls(params, material);
  const socket = connectTls({
    ...address,
    ...material,
    ...resumption.options,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['h2'],
    // As in NVFlare, identity is the certificate's common name and not the host name; see docs/security.md.
    checkServerIdentity: () => undefined,
  });
  resumption.watch(socket);
  return { socket, readyEvent: 'secureConnect', origin: 'https://localhost', authority };
}
