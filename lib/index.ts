/**
 * The Node entry; bundlers for browsers get the same API with the drivers that a page can have.
 *
 * @module rxflare
 */

import type { AttachOptions } from './attach-options.js';
import { Communicator as BaseCommunicator } from './communicator.js';
import { GrpcDriver } from './drivers/grpc/grpc-driver.js';
import { InProcessDriver } from './drivers/in-process/in-process-driver.js';
import { SharedFileDriver } from './drivers/shared-file/shared-file-driver.js';
import { TcpDriver } from './drivers/tcp/tcp-driver.js';
import { type AttachableServer, attachedParams } from './drivers/websocket/attached-server.js';
import { WebSocketDriver } from './drivers/websocket/websocket-driver.js';
import type { Endpoint } from './endpoint.js';
import type { CommunicatorOptions } from './options.js';
import { Mode } from './transport/driver.js';
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
 * hub.registerMessageReceiver(100, ({ endpoint, message }) =>
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

  /**
   * Listens on an HTTP server of the application, such as Express's or Nest's, on its port: the upgrades of the path are
   * the hub's, all else is left to the application and to other `upgrade` listeners. The server may listen already or
   * later, so `start` does not wait for it. `stop` and `removeConnector` leave it running.
   *
   * Security is the server's: `http` is clear; `https` asks clients for no certificate, unless the server was created with
   * `requestCert: true`: then the certificate binds the endpoint's name, as under mtls.
   *
   * @param server - of `node:http` or `node:https`, or of `createSecureServer` of `node:http2` with `allowHTTP1: true`, since
   * upgrades are HTTP/1.1
   * @returns a handle for `removeConnector`
   * @throws CommError `BAD_CONFIG` where it is no such server, `undefined` included, or the path is not valid; `CLOSED` after
   * `stop`. `start` rejects with `BAD_CONFIG` where another listener has the path
   *
   * @example Beside an Express application
   * ```ts
   * const server = createServer(express());
   * hub.attach(server);
   * await hub.start();
   * server.listen(8080);
   * ```
   */
  override attach(server: AttachableServer, { path, ...options }: AttachOptions = {}): string {
    const params = attachedParams(server, path);
    return this.addConnectorAdvanced(
      new WebSocketDriver({ ...options, server }),
      Mode.PASSIVE,
      params,
      false,
    );
  }
}
