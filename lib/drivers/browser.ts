/** What `rxflare/drivers` exports for browsers, and for Node too. */

export { BaseConnection } from '../transport/base-connection.js';
export type {
  DriverCapabilities,
  HandshakeFailure,
  Listener,
  ListenerUrls,
  PortRanges,
} from '../transport/driver.js';
export { formatUrl } from '../transport/url.js';
export { splitFrames } from '../wire/split-frames.js';
export { InProcessDriver, type InProcessOptions } from './in-process/in-process-driver.js';
export { InboxFullError } from './websocket/frame-inbox.js';
export { NativeWebSocketDriver, type NativeWebSocketOptions } from './websocket/native-websocket-driver.js';
