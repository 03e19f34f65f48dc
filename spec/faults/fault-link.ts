import type { Socket } from 'node:net';

import { type Conditions, type Direction, type Fault } from './fault.js';
import { Lane } from './lane.js';

/** What can be done to one connection. */
export type LinkFault = Exclude<Fault, { type: 'refuse' | 'delay' | 'throttle' | 'split' }>;

/*
 *   flowing --half-open, cut--> swallowing --both sockets closed--> over
 *       \__________reset, or one socket failed______________________/
 */
type State = 'flowing' | 'swallowing' | 'over';

/** One connection through the proxy: the socket of a client, and one to the listener. */
export class FaultLink {
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<void>;
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  #state: State = 'flowing';

  /** Both sockets stay half open when one side ends (`allowHalfOpen`). */
  constructor(client: Socket, server: Socket, random: () => number) {
    this.#sockets = [client, server];
    this.#lanes = { up: new Lane(client, server, random), down: new Lane(server, client, random) };
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      // A failure is passed on by the close event behind it.
      socket.on('error', () => undefined);
      socket.once('close', (failed) => this.#closedOne(failed));
    }
    const closures = this.#sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    this.closed = Promise.all(closures).then(() => undefined);
  }

  set conditions(conditions: Conditions) {
    for (const lane of Object.values(this.#lanes)) lane.conditions = conditions;
  }

  /** Does it now. */
  apply(fault: LinkFault): void {
    switch (fault.type) {
      case 'cut':
        this.#swallow();
        for (const socket of this.#sockets) socket.end();
        break;
      case 'reset':
        this.#end();
        break;
      case 'half-open':
        this.#swallow();
        break;
      case 'corrupt':
        this.#lanes[fault.direction].corrupt(fault.offset);
        break;
    }
  }

  /** A side that fails makes the other one fail; nobody hears of it once nothing gets through. */
  #closedOne(failed: boolean): void {
    if (failed && this.#state === 'flowing') this.#end();
  }

  #swallow(): void {
    if (this.#state !== 'flowing') return;
    this.#state = 'swallowing';
    for (const lane of Object.values(this.#lanes)) lane.stop();
  }

  #end(): void {
    this.#state = 'over';
    for (const lane of Object.values(this.#lanes)) lane.stop();
    for (const socket of this.#sockets) reset(socket);
  }
}

/** Node's own reset ends the socket first: the end goes out before the reset, and may be all that is seen. */
export function reset(socket: Socket): void {
  Object.assign(socket, { resetAndClosing: !socket.writableEnded });
  socket.destroy();
}
