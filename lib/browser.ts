/**
 * What `rxflare` is to a bundler for browsers: the same API with the drivers that a page can have.
 *
 * @module rxflare (in a browser)
 */

import { Communicator as BaseCommunicator } from './communicator.js';
import { InProcessDriver } from './drivers/in-process/in-process-driver.js';
import { NativeWebSocketDriver } from './drivers/websocket/native-websocket-driver.js';
import type { Endpoint } from './endpoint.js';
import type { CommunicatorOptions } from './options.js';
import { DriverRegistry } from './transport/driver-registry.js';

export * from './exports.js';

/** The drivers of the browser entry, in a registry of their own. */
export function browserDrivers(): DriverRegistry {
  return new DriverRegistry([new NativeWebSocketDriver(), new InProcessDriver()]);
}

/**
 * The Communicator of the browser entry, with the drivers for http, https, ws, wss and inproc. It connects to
 * listeners; a page cannot listen itself.
 *
 * @example
 * ```ts
 * const page = new Communicator(new Endpoint('page-1'));
 * page.addConnector('wss://hub.example.com:8002', Mode.ACTIVE);
 * page.registerMessageReceiver(100, ({ endpoint, message }) =>
 *   console.log(endpoint.name, textOf(message)),
 * );
 * await page.start();
 * ```
 */
export class Communicator extends BaseCommunicator {
  /**
   * @param localEndpoint - our own name, public properties, and connection parameters
   * @param options - see {@link DEFAULTS}
   * @param drivers - by default those of this entry
   * @throws CommError `BAD_CONFIG` for an option that cannot be
   */
  constructor(
    localEndpoint: Endpoint,
    options?: CommunicatorOptions,
    drivers: DriverRegistry = browserDrivers(),
  ) {
    super(localEndpoint, options, drivers);
  }
}
