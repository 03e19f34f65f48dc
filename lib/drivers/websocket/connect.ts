import type { Agent, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { Observable } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection } from '../../transport/connection.js';
import type { DriverParams } from '../../transport/driver.js';
import { describeParams } from '../../transport/url.js';
import { systemCode } from '../node/node-errors.js';
import { clientTls } from '../node/tls.js';
import { resumeTls } from '../node/tls-tickets.js';
import { attemptError, TlsWatch } from '../node/tls-watch.js';
import { type GenerateMask, randomMask } from './mask.js';
import { MessageFramer } from './message-framer.js';
import { socketProperties } from '../node/socket-properties.js';
import { WebSocketConnection } from './websocket-connection.js';
import { webSocketUrl } from './websocket-url.js';
import { WS_OPTIONS } from './ws-options.js';
import { WebSocket } from './ws.js';

/** The options of a side that connects, beside its URL. */
export interface ConnectOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent | undefined;
  /** Default: random keys. */
  readonly generateMask: GenerateMask | undefined;
}

/** Connects once, by the contract of `Driver.connect`. */
export function connectWebSocket(params: DriverParams, options: ConnectOptions): Observable<Connection> {
  return new Observable((subscriber) => {
    const context = describeParams(params);
    let watch: TlsWatch | undefined;
    const ws = openWebSocket(params, options, (opened) => (watch = new TlsWatch(opened)));
    let socket: Duplex | undefined;
    const fail = (error: Error) => subscriber.error(handshakeError(error, watch, context));
    ws.once('upgrade', (response) => (socket = response.socket));
    ws.once('unexpected-response', (_request, response) => subscriber.error(refusal(response, context)));
    ws.on('error', fail);
    ws.once('open', () => {
      ws.off('error', fail);
      if (socket === undefined) {
        ws.terminate();
        const detail = 'this runtime shows no socket of a WebSocket';
        subscriber.error(new CommError(CommErrorCode.NOT_SUPPORTED, `${context}: ${detail}`));
        return;
      }
      const framer = new MessageFramer(options.generateMask ?? randomMask);
      const connection = new WebSocketConnection({
        ws,
        socket,
        properties: socketProperties(socket),
        framer,
      });
      connection.lifetime().subscribe(subscriber);
    });
    return () => {
      if (ws.readyState !== ws.CONNECTING) return;
      // `ws` reports an attempt that was given up as an error.
      ws.off('error', fail).on('error', () => undefined);
      ws.terminate();
    };
  });
}

function openWebSocket(
  params: DriverParams,
  { headers, agent }: ConnectOptions,
  opened: (socket: Duplex) => void,
): WebSocket {
  const url = webSocketUrl(params);
  const material = clientTls(params);
  const resumption = material && resumeTls(params, material);
  try {
    return new WebSocket(url, {
      ...WS_OPTIONS,
      headers,
      finishRequest: (request) => {
        if (resumption !== undefined) request.once('socket', resumption.watch);
        request.once('socket', opened).end();
      },
      ...(agent === undefined ? {} : { agent }),
      // As in NVFlare, identity is the certificate's common name and not the host name. Whatever the types of `ws`
      // say, Node takes a truthy result for an error.
      ...(material === undefined
        ? {}
        : { ...material, ...resumption?.options, checkServerIdentity: () => false }),
    });
  } catch (error) {
    throw CommError.from(error, describeParams(params), CommErrorCode.BAD_CONFIG);
  }
}

/** A system or TLS error, or `BAD_DATA` for a server that breaks HTTP or the WebSocket handshake. */
function handshakeError(error: Error, watch: TlsWatch | undefined, context: string): CommError {
  const code = systemCode(error);
  if (code !== '' && !code.startsWith('HPE_')) return attemptError(error, watch, context);
  return CommError.from(error, `${context}: bad handshake`, CommErrorCode.BAD_DATA);
}

/** `BAD_CONFIG` for a server without a WebSocket at this path, `NOT_READY` for a proxy that cannot reach it now. */
function refusal({ statusCode = 0, statusMessage = '' }: IncomingMessage, context: string): CommError {
  const code = statusCode >= 500 || statusCode === 429 ? CommErrorCode.NOT_READY : CommErrorCode.BAD_CONFIG;
  const text = `${context}: expected a WebSocket, got ${statusCode} ${statusMessage}`;
  return new CommError(code, text, code === CommErrorCode.BAD_CONFIG ? { detail: 'other-protocol' } : {});
}
