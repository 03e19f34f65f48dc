/** What `rxflare/drivers` exports for browsers, and for Node too. */

export { BaseConnection } from '../transport/base-connection.js';
export type {
  Driver,
  DriverCapabilities,
  DriverParams,
  HandshakeFailure,
  Listener,
  ListenerUrls,
  Pem,
  PortRanges,
} from '../transport/driver.js';
export { DriverRegistry } from '../transport/driver-registry.js';
export { formatUrl, parseUrl } from '../transport/url.js';
export { splitFrames } from '../wire/split-frames.js';
export { InProcessDriver, type InProcessOptions } from './in-process/in-process-driver.js';
export { InboxFullError } from './websocket/frame-inbox.js';
export { NativeWebSocketDriver, type NativeWebSocketOptions } from './websocket/native-websocket-driver.js';
