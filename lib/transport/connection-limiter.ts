import { type Observable, Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Connection } from './connection.js';
import { isPowerOfTwo } from './power-of-two.js';

/** The options that limit how many connections a listener has. */
export type ConnectionLimit = 'maxConnections' | 'maxConnectionsPerAddress' | 'maxUnauthenticatedConnections';

/** How many connections a listener has at most, by the option's name. */
export type ConnectionLimits = Readonly<Record<ConnectionLimit, number>>;

/** A connection was closed because its listener is at one of its limits. */
export class ConnectionLimitError extends CommError {
  override readonly name = 'ConnectionLimitError';
  readonly limit: ConnectionLimit;

  /** Names the connection, and the option with its value. */
  constructor({ name, properties }: Connection, limit: ConnectionLimit, most: number) {
    super(
      CommErrorCode.NOT_READY,
      `${name} ${properties.peer_addr}: closed, since its listener has ${limit} = ${most} connections already`,
    );
    this.limit = limit;
  }
}

/** How often a limit has closed a connection by now. */
export interface LimitReport {
  /** What the last one was closed with. */
  readonly error: ConnectionLimitError;
  /** Where it came from. */
  readonly peerAddr: string;
  readonly connections: number;
}

/**
 * Bounds the connections of one listener. Where a limit is reached, the oldest connection that counts against it
 * and has not done its handshake makes room: a real site does that at once, so strangers that are silent keep
 * nobody out. Where all have done it, the newcomer is closed.
 */
export class ConnectionLimiter {
  /** Told at 1, 2, 4, 8, ... closed connections for each limit, so that a flood stays quiet. */
  readonly reports$: Observable<LimitReport>;

  readonly #limits: ConnectionLimits;
  readonly #reports = new Subject<LimitReport>();
  /** What each connection counts for. */
  readonly #addresses = new Map<Connection, string>();
  readonly #counts = new Map<string, number>();
  /** Those that have said nothing, the oldest first. */
  readonly #silent = new Set<Connection>();
  /** Those that have said who they are and wait for an answer, the oldest first. */
  readonly #greeted = new Set<Connection>();
  readonly #closed = new Map<ConnectionLimit, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    this.reports$ = this.#reports.asObservable();
  }

  /** Lets a new connection in, in the place of the oldest stranger where there is no room; or closes it and answers false. */
  enter(connection: Connection): boolean {
    const address = addressOf(connection);
    const limit = this.#reached(address);
    if (limit !== undefined) {
      const oldest = this.#oldestStranger(limit === 'maxConnectionsPerAddress' ? address : undefined);
      this.#close(oldest ?? connection, limit);
      if (oldest === undefined) return false;
    }
    this.#addresses.set(connection, address);
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
    this.#silent.add(connection);
    return true;
  }

  /** Notes that the peer has said who it is: it makes room only when no connection is silent. */
  greeted(connection: Connection): void {
    if (this.#silent.delete(connection)) this.#greeted.add(connection);
  }

  /** Notes that the handshake of a connection is done. */
  handshakeDone(connection: Connection): void {
    this.#silent.delete(connection);
    this.#greeted.delete(connection);
  }

  /** Notes that a connection has ended. */
  leave(connection: Connection): void {
    const address = this.#addresses.get(connection);
    if (address === undefined) return;
    this.#addresses.delete(connection);
    this.handshakeDone(connection);
    const left = (this.#counts.get(address) ?? 0) - 1;
    if (left > 0) this.#counts.set(address, left);
    else this.#counts.delete(address);
  }

  /** Ends the stream. */
  complete(): void {
    this.#reports.complete();
  }

  #reached(address: string): ConnectionLimit | undefined {
    const { maxConnections, maxConnectionsPerAddress, maxUnauthenticatedConnections } = this.#limits;
    if ((this.#counts.get(address) ?? 0) >= maxConnectionsPerAddress) return 'maxConnectionsPerAddress';
    if (this.#addresses.size >= maxConnections) return 'maxConnections';
    if (this.#silent.size + this.#greeted.size >= maxUnauthenticatedConnections)
      return 'maxUnauthenticatedConnections';
    return undefined;
  }

  #oldestStranger(address: string | undefined): Connection | undefined {
    for (const strangers of [this.#silent, this.#greeted]) {
      for (const connection of strangers) {
        if (address === undefined || this.#addresses.get(connection) === address) return connection;
      }
    }
    return undefined;
  }

  #close(connection: Connection, limit: ConnectionLimit): void {
    this.leave(connection);
    const error = new ConnectionLimitError(connection, limit, this.#limits[limit]);
    void connection.close(error);
    const connections = (this.#closed.get(limit) ?? 0) + 1;
    this.#closed.set(limit, connections);
    if (!isPowerOfTwo(connections)) return;
    this.#reports.next({ error, peerAddr: connection.properties.peer_addr, connections });
  }
}

/**
 * What counts as one address: `127.0.0.1` of `127.0.0.1:8002`. The owner of an IPv6 address has the 2^64 of its
 * network, so it is the network that counts. On other transports it is all that stands for an address.
 */
function addressOf({ properties: { peer_addr } }: Connection): string {
  const host = peer_addr.replace(/:\d+$/, '');
  const ipv6 = /^\[([\da-f:]+)/i.exec(host)?.[1];
  return ipv6 === undefined ? host : `${networkOf(ipv6)}::/64`;
}

/** The first four of the eight groups of an IPv6 address, where `::` stands for groups of zeros. */
function networkOf(ipv6: string): string {
  const zeros = ':0'.repeat(8 - groupsOf(ipv6).length);
  return groupsOf(ipv6.replace('::', `${zeros}:`))
    .slice(0, 4)
    .join(':');
}

function groupsOf(ipv6: string): string[] {
  return ipv6.split(':').filter((group) => group !== '');
}
