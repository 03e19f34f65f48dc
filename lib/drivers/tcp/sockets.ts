import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { Observable } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { logger } from '../../log.js';
import type { Connection } from '../../transport/connection.js';
import { type DriverParams, type Listener, Mode } from '../../transport/driver.js';
import { describeParams, hostToConnect } from '../../transport/url.js';
import { requirePort } from '../node/listen-address.js';
import { listenTcp } from '../node/listen-tcp.js';
import { socketProperties } from '../node/socket-properties.js';
import { clientTls } from '../node/tls.js';
import { resumeTls } from '../node/tls-tickets.js';
import { attemptError, TlsWatch } from '../node/tls-watch.js';
import { FrameReader } from './frame-reader.js';
import { readInPlace } from './read-in-place.js';
import { TcpConnection } from './tcp-connection.js';

const log = logger('tcp');

/** Connects once, by the contract of `Driver.connect`. */
export function connect(params: DriverParams): Observable<Connection> {
  return new Observable((subscriber) => {
    const context = describeParams(params);
    const reader = new FrameReader();
    const { socket, readyEvent } = openSocket(params, reader);
    const watch = new TlsWatch(socket);
    const fail = (error: Error) => subscriber.error(attemptError(error, watch, context));
    const failClosed = () => {
      const detail = 'the peer closed the connection while it was being made';
      const closed = new CommError(CommErrorCode.CLOSED, `${context}: ${detail}`);
      subscriber.error(watch.refusal(context) ?? closed);
    };
    socket.once('error', fail).once('close', failClosed);
    socket.once(readyEvent, () => {
      socket.off('error', fail).off('close', failClosed);
      connectionOn(socket, reader, watch).lifetime().subscribe(subscriber);
    });
    return () => socket.destroy();
  });
}

/** Listens, by the contract of `Driver.listen`. */
export function listen(params: DriverParams): Observable<Listener> {
  return listenTcp(params, {
    tcp: { pauseOnConnect: true },
    log,
    accept: (socket, emit) => {
      const reader = new FrameReader();
      readInPlace(socket, reader.onread);
      emit(connectionOn(socket, reader));
    },
  });
}

function connectionOn(socket: Socket, reader: FrameReader, watch?: TlsWatch): TcpConnection {
  socket.setNoDelay(true);
  return new TcpConnection(socket, reader, socketProperties(socket), watch);
}

function openSocket(params: DriverParams, reader: FrameReader): { socket: Socket; readyEvent: string } {
  const material = clientTls(params);
  const address = { host: hostToConnect(params), port: requirePort(Mode.ACTIVE, params) };
  if (material === undefined) {
    const socket = connectTcp({ ...address, onread: reader.onread });
    return { socket: socket.pause(), readyEvent: 'connect' };
  }
  // As in NVFlare, identity is the certificate's common name and not the host name; see docs/security.md.
  const options = { ...material, onread: reader.onread, checkServerIdentity: () => undefined };
  const resumption = resumeTls(params, material);
  const socket = connectTls({ ...address, ...options, ...resumption.options });
  resumption.watch(socket);
  socket.once('secureConnect', () => socket.pause());
  return { socket, readyEvent: 'secureConnect' };
}
