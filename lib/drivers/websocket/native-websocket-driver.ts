import { Observable, throwError } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection, ConnectionProperties } from '../../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Mode,
} from '../../transport/driver.js';
import { describeParams, formatAddress } from '../../transport/url.js';
import { NativeWebSocketConnection } from './native-websocket-connection.js';
import { WEBSOCKET_SCHEMES, webSocketUrl } from './websocket-url.js';

const DEFAULT_MAX_PAUSED_BYTES = 64 * 1024 * 1024;

/** The options of a {@link NativeWebSocketDriver}. */
export interface NativeWebSocketOptions {
  /**
   * Maximum bytes that a paused connection keeps, since a browser cannot pause its peer. Beyond it the connection ends
   * with an {@link InboxFullError}. Default: 64 MiB.
   */
  readonly maxPausedBytes?: number;
  /** The WebSocket class. Default: the global one. */
  readonly WebSocket?: typeof WebSocket;
}

/**
 * `http` and `https` (also `ws` and `wss`) on the WebSocket of a browser, or of Node from version 22 on. It can connect,
 * but not listen. The browser verifies the listener's certificate and does not show it, so that connections over TLS
 * have `peer_cert_hidden`.
 */
export class NativeWebSocketDriver implements Driver {
  readonly schemes = WEBSOCKET_SCHEMES;
  readonly capabilities: DriverCapabilities = { tls: true, heartbeat: true, listen: false };
  readonly #options: NativeWebSocketOptions;

  /** Each option has a default. */
  constructor(options: NativeWebSocketOptions = {}) {
    this.#options = options;
  }

  check(_mode: Mode, params: DriverParams): void {
    webSocketUrl(params);
  }

  connect(params: DriverParams): Observable<Connection> {
    const { maxPausedBytes = DEFAULT_MAX_PAUSED_BYTES } = this.#options;
    return new Observable((subscriber) => {
      const context = describeParams(params);
      const ws = this.#open(params);
      ws.binaryType = 'arraybuffer';
      // A browser hides the reason from pages on purpose. Its console has it.
      const fail = () =>
        subscriber.error(new CommError(CommErrorCode.NOT_READY, `${context}: cannot connect`));
      ws.addEventListener('error', fail);
      ws.addEventListener('close', fail);
      ws.addEventListener('open', () => {
        if (subscriber.closed) {
          ws.close();
          return;
        }
        ws.removeEventListener('error', fail);
        ws.removeEventListener('close', fail);
        const connection = new NativeWebSocketConnection(ws, propertiesOf(ws), maxPausedBytes);
        connection.lifetime().subscribe(subscriber);
      });
      return () => {
        if (ws.readyState === ws.CONNECTING) ws.close();
      };
    });
  }

  listen(params: DriverParams): Observable<Listener> {
    return throwError(() => cannotListen(describeParams(params)));
  }

  resolveUrls(scheme: string): Promise<ListenerUrls> {
    return Promise.reject(cannotListen(scheme));
  }

  #open(params: DriverParams): WebSocket {
    const { WebSocket: Class = (globalThis as NativeWebSocketOptions).WebSocket } = this.#options;
    if (Class === undefined) {
      const detail = 'there is no WebSocket here: Node has one from version 22 on';
      throw new CommError(CommErrorCode.NOT_SUPPORTED, `${describeParams(params)}: ${detail}`);
    }
    try {
      return new Class(webSocketUrl(params));
    } catch (error) {
      // A bad URL, or a page from https, which must not connect without TLS.
      throw CommError.from(error, describeParams(params), CommErrorCode.BAD_CONFIG);
    }
  }
}

/** A page cannot see its own address, the TLS version or the certificate. */
function propertiesOf({ url }: WebSocket): ConnectionProperties {
  const { location } = globalThis as { location?: { origin: string } };
  const { protocol, hostname, port } = new URL(url);
  const peerPort = Number(port) || (protocol === 'wss:' ? 443 : 80);
  return {
    local_addr: location?.origin ?? 'N/A',
    peer_addr: formatAddress(hostname.replace(/^\[(.*)\]$/, '$1'), peerPort),
    ...(protocol === 'wss:' ? { peer_cert_hidden: true } : {}),
  };
}

function cannotListen(context: string): CommError {
  const detail = 'a browser cannot listen; let the other side do it, and connect from here';
  return new CommError(CommErrorCode.NOT_SUPPORTED, `${context}: ${detail}`);
}
