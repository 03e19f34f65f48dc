/**
 * The Node entry; bundlers for browsers get the same API with the drivers that a page can have.
 *
 * @module rxflare
 */

import { Communicator as BaseCommunicator } from './communicator.js';
import { GrpcDriver } from './drivers/grpc/grpc-driver.js';
import { InProcessDriver } from './drivers/in-process/in-process-driver.js';
import { SharedFileDriver } from './drivers/shared-file/shared-file-driver.js';
import { TcpDriver } from './drivers/tcp/tcp-driver.js';
import { WebSocketDriver } from './drivers/websocket/websocket-driver.js';
import type { Endpoint } from './endpoint.js';
import type { CommunicatorOptions } from './options.js';
import { DriverRegistry } from './transport/driver-registry.js';

export * from './exports.js';

/** The drivers of the Node entry, in a registry of their own. */
export function nodeDrivers(): DriverRegistry {
  return new DriverRegistry([
    new TcpDriver(),
    new WebSocketDriver(),
    new GrpcDriver(),
    new SharedFileDriver(),
    new InProcessDriver(),
  ]);
}

/**
 * The Communicator of the Node entry, with the drivers for tcp, http and grpc, in the clear and with TLS, for shared-file
 * and for inproc.
 *
 * @example
 * ```ts
 * const hub = new Communicator(new Endpoint('hub'));
 * hub.addConnector('tcp://0:8002', Mode.PASSIVE);
 * hub.registerMessageReceiver(AppIds.DEFAULT, ({ endpoint, message }) =>
 *   console.log(endpoint.name, textOf(message)),
 * );
 * await hub.start();
 * ```
 */
export class Communicator extends BaseCommunicator {
  /**
   * @param localEndpoint - our own name, public properties, and connection parameters such as certificates
   * @param options - see {@link DEFAULTS}
   * @param drivers - by default those of this entry
   * @throws CommError `BAD_CONFIG` for an option that cannot be
   */
  constructor(
    localEndpoint: Endpoint,
    options?: CommunicatorOptions,
    drivers: DriverRegistry = nodeDrivers(),
  ) {
    super(localEndpoint, options, drivers);
  }
}
