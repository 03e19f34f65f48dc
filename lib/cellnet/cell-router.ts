import { defer, type Observable, type SchedulerLike } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { endpointNameFault, isReady } from '../endpoint.js';
import { logger } from '../log.js';
import type { Message, MessageHeaders } from '../message.js';
import { oneLine } from '../quoted.js';
import type { ReceivedMessage } from '../received-message.js';
import { frameMemory } from '../wire/frame-memory.js';
import { CellError, closedError } from './cell-error.js';
import { FullNeighbours } from './full-neighbours.js';
import { CELL_APP_ID, type CellHeaders, Header, type Hop, type NewHeaders, routeOf } from './headers.js';
import { nextHop } from './next-hop.js';
import { ReturnCode } from './return-code.js';
import { undeliverable } from './undeliverable.js';

const log = logger('cellnet');

/** Finds the way of messages: our own, and those that we pass on. */
export class CellRouter {
  readonly #communicator: Communicator;
  readonly #full: FullNeighbours;
  readonly #scheduler: SchedulerLike;
  /** Messages that could not be passed on: no way led on, the next cell had no room, or they had been here before. */
  unroutable = 0;
  #isClosed = false;
  #standing: MessageHeaders | undefined;

  /** @param scheduler - its clock is that of the wall */
  constructor(communicator: Communicator, scheduler: SchedulerLike) {
    this.#communicator = communicator;
    this.#scheduler = scheduler;
    this.#full = new FullNeighbours(communicator, scheduler);
  }

  /** Our own name. */
  get fqcn(): string {
    return this.#communicator.localEndpoint.name;
  }

  /** Puts these on every message of our own from now on. What is passed on for others stays as it is. */
  present(headers: MessageHeaders): void {
    this.#standing = headers;
  }

  /** Sends nothing any more. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Sends a message of our own to a cell, over the neighbour that leads there.
   *
   * @param headers - made for this message alone: what is missing is added to them
   * @param via - the neighbour, where it is known
   * @returns false where the neighbour's queue is full, and the message is accepted
   * @throws CellError `invalid_target`, `target_unreachable`, `comm_error` where the queue of the neighbour is at its
   * limit (`code` is `NOT_READY`), it has just gone, or our own cell is closed; CommError `BAD_DATA` where the message has
   * no form on the wire
   */
  send(destination: string, headers: NewHeaders, message: Message, via?: string): boolean {
    if (this.#isClosed) throw closedError(destination);
    const to = via ?? this.#wayTo(destination);
    const { fqcn } = this;
    const seconds = this.#seconds();
    // Each message passes here: a copy of the headers would take longer than all the rest.
    Object.assign(headers, message.headers, this.#standing);
    headers[Header.ORIGIN] = fqcn;
    headers[Header.DESTINATION] = destination;
    headers[Header.FROM] = fqcn;
    headers[Header.TO] = to;
    headers[Header.ROUTE] = [[fqcn, seconds]];
    headers[Header.SEND_TIME] = seconds;
    try {
      return this.#communicator.send(to, CELL_APP_ID, { headers, payload: message.payload });
    } catch (error) {
      const cause = CommError.from(error);
      if (cause.code === CommErrorCode.BAD_DATA) throw cause;
      throw new CellError(ReturnCode.COMM_ERROR, `cell ${destination}: ${cause.message}`, destination, {
        cause,
      });
    }
  }

  /** Emits when the neighbour on the way to a cell takes more; errors with CommError `CLOSED` where there is none. */
  drained(destination: string): Observable<void> {
    return defer(() => this.#communicator.drained(this.#hopTo(destination) ?? destination));
  }

  /**
   * Passes a message on to the next cell on its way. Its payload is not touched. What cannot go on is sent back where
   * the origin waits for a reply.
   *
   * @returns settles when the next cell takes more, or has taken nothing for 10 seconds: the reader of our neighbour waits
   * for that. Of what comes later, its queue holds as much as it may, and the rest cannot go on.
   */
  forward({ endpoint, message }: ReceivedMessage, headers: CellHeaders): Promise<void> | undefined {
    const route = routeOf(headers);
    const to = route === undefined ? undefined : this.#freshHop(headers.cn__destination, route);
    if (route === undefined || to === undefined) {
      this.#sendBack(endpoint.name, headers);
      return undefined;
    }
    const next = {
      ...headers,
      [Header.FROM]: this.fqcn,
      [Header.TO]: to,
      [Header.ROUTE]: [...route, this.#ownHop()],
    };
    const { payload } = message;
    try {
      const hasRoom = this.#communicator.send(to, CELL_APP_ID, { headers: next, payload });
      // Nobody else needs it once it is written.
      if (payload !== undefined) frameMemory.giveBack(payload);
      return hasRoom ? undefined : this.#full.room(to);
    } catch (error) {
      log('cannot pass on a message to %s: %s', to, CommError.from(error).message);
      this.#sendBack(endpoint.name, headers);
      return undefined;
    }
  }

  /** @throws CellError `invalid_target`, `target_unreachable` */
  #wayTo(destination: string): string {
    // The name of a neighbour is a good one.
    if (this.#isNeighbour(destination)) return destination;
    const fault = endpointNameFault(destination);
    if (fault !== undefined)
      throw new CellError(ReturnCode.INVALID_TARGET, `cell ${oneLine(destination)}: ${fault}`, destination);
    const hop = this.#hopTo(destination);
    if (hop !== undefined) return hop;
    const text = `cell ${destination}: no neighbour leads there; connect to it, or to a cell whose name does (docs/cells.md)`;
    throw new CellError(ReturnCode.TARGET_UNREACHABLE, text, destination);
  }

  #hopTo(target: string): string | undefined {
    return nextHop(this.fqcn, target, (name) => this.#isNeighbour(name));
  }

  /** We are one of our own: what we ask ourselves comes back at once. */
  #isNeighbour(name: string): boolean {
    return name === this.fqcn || isReady(this.#communicator.findEndpoint(name));
  }

  /** A cell that has seen the message would pass it to us again. Only the destination may be on the route. */
  #freshHop(destination: string, route: readonly Hop[]): string | undefined {
    const hop = this.#hopTo(destination);
    return hop !== destination && route.some(([name]) => name === hop) ? undefined : hop;
  }

  #sendBack(neighbour: string, headers: CellHeaders): void {
    this.unroutable += 1;
    const notice = undeliverable(headers);
    if (notice === undefined) return;
    try {
      this.send(headers.cn__origin, notice, {}, neighbour);
    } catch (error) {
      log('cannot send back a message of %s: %s', neighbour, CommError.from(error).message);
    }
  }

  #ownHop(): Hop {
    return [this.fqcn, this.#seconds()];
  }

  #seconds(): number {
    return this.#scheduler.now() / 1_000;
  }
}
