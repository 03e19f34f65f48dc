import type { Socket } from 'node:net';

import type { Debugger } from 'debug';

import { isPowerOfTwo } from '../../transport/power-of-two.js';
import { remoteAddress } from './socket-properties.js';

/** Maximum sockets per listener. A real peer becomes a connection within a few round trips. */
const MAX_GREETING = 4_000;

/**
 * The sockets of a listener that are not connections yet: in the TLS handshake, or before their HTTP request or gRPC
 * call. Beyond a limit the oldest is closed, so that silent sockets cannot keep peers out. The key is the remote
 * address, since a TLS server emits two objects per socket.
 */
export class GreetingSockets {
  readonly #log: Debugger;
  readonly #sockets = new Map<string, Socket>();
  #closed = 0;

  constructor(log: Debugger) {
    this.#log = log;
  }

  /** Adds a socket that was accepted. */
  add(socket: Socket): void {
    const address = remoteAddress(socket);
    this.#sockets.set(address, socket);
    socket.once('close', () => {
      if (this.#sockets.get(address) === socket) this.#sockets.delete(address);
    });
    if (this.#sockets.size > MAX_GREETING) this.#closeOldest();
  }

  /** Removes a socket that has become a connection. */
  release(address: string): void {
    this.#sockets.delete(address);
  }

  /** Closes all of them, at the end of the listening. */
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
