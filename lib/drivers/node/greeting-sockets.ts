import type { Socket } from 'node:net';

import { asyncScheduler, type SchedulerLike, type Subscription, timer } from 'rxjs';

import type { Logger } from '../../log.js';
import { isPowerOfTwo } from '../../transport/power-of-two.js';
import { remoteAddress } from './socket-properties.js';

/** Maximum sockets per listener. A real peer becomes a connection within a few round trips. */
const MAX_GREETING = 4_000;

/** How long a socket may take to become a connection. Node limits the silence in a TLS handshake, and not the whole. */
const GREETING_MS = 10_000;

/** A socket, and what closes it when it is late. */
interface Greeting {
  readonly socket: Socket;
  readonly deadline: Subscription;
}

/**
 * The sockets of a listener that are not connections yet: in the TLS handshake, or before their HTTP request or gRPC
 * call. Each is closed after 10 s. Beyond a limit the oldest is closed, so that silent sockets cannot keep peers out.
 * The key is the remote address, since a TLS server emits two objects per socket.
 */
export class GreetingSockets {
  readonly #log: Logger;
  readonly #scheduler: SchedulerLike;
  readonly #greetings = new Map<string, Greeting>();
  #closed = 0;

  constructor(log: Logger, scheduler: SchedulerLike = asyncScheduler) {
    this.#log = log;
    this.#scheduler = scheduler;
  }

  /** Adds a socket that was accepted. */
  add(socket: Socket): void {
    const address = remoteAddress(socket);
    const deadline = timer(GREETING_MS, this.#scheduler).subscribe(() => {
      this.#log('%s: closed, since it was no connection in %d ms', address, GREETING_MS);
      socket.destroy();
    });
    this.#greetings.set(address, { socket, deadline });
    socket.once('close', () => {
      deadline.unsubscribe();
      if (this.#greetings.get(address)?.socket === socket) this.#greetings.delete(address);
    });
    if (this.#greetings.size > MAX_GREETING) this.#closeOldest();
  }

  /** Removes a socket that has become a connection. */
  release(address: string): void {
    this.#greetings.get(address)?.deadline.unsubscribe();
    this.#greetings.delete(address);
  }

  /** Closes all of them, at the end of the listening. */
  destroy(): void {
    for (const { socket } of this.#greetings.values()) socket.destroy();
  }

  #closeOldest(): void {
    for (const [address, { socket }] of this.#greetings) {
      this.release(address);
      socket.destroy();
      this.#closed += 1;
      if (isPowerOfTwo(this.#closed))
        this.#log('%s: closed before it was a connection, to make room (%d so far)', address, this.#closed);
      return;
    }
  }
}
