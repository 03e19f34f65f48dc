import { connect, type Socket } from 'node:net';

import { Observable } from 'rxjs';

import { listenTcp } from '../../../lib/drivers/node/listen-tcp.js';
import { requirePort, resolveTcpUrls } from '../../../lib/drivers/node/listen-address.js';
import { socketProperties } from '../../../lib/drivers/node/socket-properties.js';
import { CommError, CommErrorCode, type Connection, Mode } from '../../../lib/index.js';
import { logger } from '../../../lib/log.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Resources,
} from '../../../lib/transport/driver.js';
import { describeParams, hostToConnect } from '../../../lib/transport/url.js';
import { MuxCarrier, type MuxLine } from './mux-carrier.js';
import { MuxConnection } from './mux-connection.js';

/** How many sockets a process opens to one listener. */
export const CARRIERS = 2;

/**
 * `mux`: many connections on few sockets, for more endpoints than a process may have open files. For the benchmark
 * alone: one connection that pauses holds up the others on its socket.
 *
 * All communicators of a process share one driver, and so its sockets.
 */
export class MuxDriver implements Driver {
  readonly schemes = ['mux'] as const;
  readonly capabilities: DriverCapabilities = { tls: false, heartbeat: true, listen: true };
  readonly #carriers = new Map<string, { readonly socket: Socket; readonly carrier: MuxCarrier }>();
  #connects = 0;

  connect(params: DriverParams): Observable<Connection> {
    return new Observable((subscriber) => {
      const context = describeParams(params);
      const { socket, carrier } = this.#carrierTo(params);
      const opening: MuxLine = {
        opened: () => {
          const connection = new MuxConnection(carrier, id, socketProperties(socket));
          carrier.put(id, connection);
          connection.lifetime().subscribe(subscriber);
        },
        received: () => undefined,
        written: () => undefined,
        ended: (reason) =>
          subscriber.error(
            reason ?? new CommError(CommErrorCode.NOT_READY, `${context}: the listener has stopped`),
          ),
      };
      const id = carrier.open(opening);
      return () => carrier.close(id);
    });
  }

  listen(params: DriverParams): Observable<Listener> {
    return new Observable((subscriber) => {
      const carriers = new Set<MuxCarrier>();
      const log = logger('mux');
      const accept = (socket: Socket, emit: (connection: Connection) => void): void => {
        const properties = socketProperties(socket);
        const carrier = new MuxCarrier(socket, {
          context: properties.peer_addr,
          accept: (id) => {
            const connection = new MuxConnection(carrier, id, { ...properties });
            carrier.put(id, connection);
            emit(connection);
          },
          left: () => carriers.delete(carrier),
        });
        carriers.add(carrier);
      };
      const listening = listenTcp(params, { tcp: {}, log, accept }).subscribe(subscriber);
      return () => {
        listening.unsubscribe();
        for (const carrier of carriers) carrier.leave();
      };
    });
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return resolveTcpUrls(scheme, resources);
  }

  #carrierTo(params: DriverParams): { readonly socket: Socket; readonly carrier: MuxCarrier } {
    const [host, port] = [hostToConnect(params), requirePort(Mode.ACTIVE, params)];
    const key = `${host}:${port} ${this.#connects % CARRIERS}`;
    this.#connects += 1;
    const found = this.#carriers.get(key);
    if (found !== undefined) return found;
    const socket = connect({ host, port });
    const made = {
      socket,
      carrier: new MuxCarrier(socket, {
        context: describeParams(params),
        left: () => {
          if (this.#carriers.get(key) === made) this.#carriers.delete(key);
        },
      }),
    };
    this.#carriers.set(key, made);
    return made;
  }
}
