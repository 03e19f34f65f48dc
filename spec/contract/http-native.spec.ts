import { WebSocket as WsWebSocket } from 'ws';

import { NativeWebSocketDriver } from '../../lib/drivers/websocket/native-websocket-driver.js';
import { WebSocketDriver } from '../../lib/drivers/websocket/websocket-driver.js';
import type { Driver } from '../../lib/transport/driver.js';
import { parseUrl } from '../../lib/transport/url.js';
import { driverContract } from './driver-contract.js';

const listener = new WebSocketDriver();

/** The class of `ws` has a browser's interface, save that there what was sent stays buffered until the task ends. */
class BrowserLikeWebSocket extends WsWebSocket {
  #sentInTask = 0;

  constructor(url: string) {
    super(url);
    const inSocket = () => Reflect.get(WsWebSocket.prototype, 'bufferedAmount', this);
    Object.defineProperty(this, 'bufferedAmount', { get: () => Math.max(inSocket(), this.#sentInTask) });
  }

  override send(data: Uint8Array): void {
    this.#sentInTask += data.length;
    setImmediate(() => (this.#sentInTask -= data.length));
    // A browser has copied it when `send` returns.
    super.send(data.slice());
  }
}

/** Node has one of its own from version 22 on. */
const classes: Record<string, typeof WebSocket | undefined> = {
  'the class of ws': BrowserLikeWebSocket as unknown as typeof WebSocket,
  'the class of Node': (globalThis as { WebSocket?: typeof WebSocket }).WebSocket,
};

for (const [name, Class] of Object.entries(classes)) {
  if (Class === undefined) continue;
  const native = new NativeWebSocketDriver({ WebSocket: Class });
  /** Connects as a page does, and listens as a hub does, since a page cannot. */
  const driver: Driver = {
    schemes: native.schemes,
    capabilities: listener.capabilities,
    connect: (params) => native.connect(params),
    listen: (params) => listener.listen(params),
    resolveUrls: (scheme, resources) => listener.resolveUrls(scheme, resources),
  };
  driverContract(`native http (${name})`, {
    driver,
    listenParams: () => Promise.resolve(parseUrl('http://127.0.0.1:0')),
    connectParams: (url) => parseUrl(url),
  });
}
