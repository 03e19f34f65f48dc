import { Observable, throwError } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection, ConnectionProperties } from '../../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
} from '../../transport/driver.js';
import { describeParams, formatAddress } from '../../transport/url.js';
import { NativeWebSocketConnection } from './native-websocket-connection.js';
import { WEBSOCKET_SCHEMES, webSocketUrl } from './websocket-url.js';

const DEFAULT_MAX_PAUSED_BYTES = 64 * 1024 * 1024;

/** What a {@link NativeWebSocketDriver} can be told. */
export interface NativeWebSocketOptions {
  /**
   * A browser cannot make its peer wait: what comes in while a connection is paused is kept, up to this many
   * bytes, 64 MiB unless told. Beyond that the connection ends with an {@link InboxFullError}.
   */
  readonly maxPausedBytes?: number;
  /** The class to use; the global one unless told. */
  readonly WebSocket?: typeof WebSocket;
}

/**
 * `http` and `https` (also `ws` and `wss`) on the WebSocket of a browser, or of Node from version 22 on. It can
 * connect, but not listen. Certificates are the browser's business, not the connector's.
 */
export class NativeWebSocketDriver implements Driver {
  readonly schemes = WEBSOCKET_SCHEMES;
  readonly capabilities: DriverCapabilities = { tls: true, heartbeat: true, listen: false };
  readonly #options: NativeWebSocketOptions;

  /** Each option has a default. */
  constructor(options: NativeWebSocketOptions = {}) {
    this.#options = options;
  }

  connect(params: DriverParams): Observable<Connection> {
    const { maxPausedBytes = DEFAULT_MAX_PAUSED_BYTES } = this.#options;
    return new Observable((subscriber) => {
      const context = describeParams(params);
      const ws = this.#open(params);
      ws.binaryType = 'arraybuffer';
      // Pages are not told why, on purpose; the browser's console is.
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
      // A bad URL, or a page from https that may not connect in the clear.
      throw CommError.from(error, describeParams(params), CommErrorCode.BAD_CONFIG);
    }
  }
}

/** A page knows no address of its own, not which TLS version was agreed on, and not whose certificate it was. */
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
