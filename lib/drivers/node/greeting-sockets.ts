import type { Socket } from 'node:net';

import type { Debugger } from 'debug';

import { isPowerOfTwo } from '../../transport/power-of-two.js';
import { remoteAddress } from './socket-properties.js';

/** The most that a listener waits for at a time. A real peer is done within a few round trips. */
const MAX_GREETING = 4_000;

/**
 * Sockets of a listener that are no connections yet: in the middle of their TLS handshake, or before their HTTP
 * request or gRPC call. Beyond a limit the oldest one is closed to make room, so that silent ones keep no peer out. They are
 * known by their address, since under TLS a server shows two objects for each.
 */
export class GreetingSockets {
  readonly #log: Debugger;
  readonly #sockets = new Map<string, Socket>();
  #closed = 0;

  constructor(log: Debugger) {
    this.#log = log;
  }

  /** A socket has been accepted. */
  add(socket: Socket): void {
    const address = remoteAddress(socket);
    this.#sockets.set(address, socket);
    socket.once('close', () => {
      if (this.#sockets.get(address) === socket) this.#sockets.delete(address);
    });
    if (this.#sockets.size > MAX_GREETING) this.#closeOldest();
  }

  /** A socket has become a connection. */
  release(address: string): void {
    this.#sockets.delete(address);
  }

  /** The listening ends. */
  destroy(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #closeOldest(): void {
    for (const [address, socket] of this.#sockets) {
      this.#sockets.delete(address);
      socket.destroy();
      this.#closed += 1;
      if (isPowerOfTwo(this.#closed))
        this.#log('%s: closed before it was a connection, to make room (%d so far)', address, this.#closed);
      return;
    }
  }
}
