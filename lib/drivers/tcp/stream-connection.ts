import type { Duplex } from 'node:stream';

import type { BaseConnection } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { FrameReader } from './frame-reader.js';
import { TcpConnection } from './tcp-connection.js';

/**
 * A connection for drivers of your own: frames back to back on a Node stream that is open, such as a Unix domain socket,
 * a pipe or an SSH channel.
 *
 * @param stream - paused, or with nothing read from it yet. The connection owns it from now on.
 * @param properties - both addresses; under TLS `peer_cn` too
 */
export function streamConnection(stream: Duplex, properties: ConnectionProperties): BaseConnection {
  return new TcpConnection(stream, new FrameReader(), properties);
}
