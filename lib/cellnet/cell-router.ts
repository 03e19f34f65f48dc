import { defer, firstValueFrom, type Observable } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { endpointNameFault, isReady } from '../endpoint.js';
import { logger } from '../log.js';
import type { Message, MessageHeaders } from '../message.js';
import type { ReceivedMessage } from '../received-message.js';
import { CellError, closedError } from './cell-error.js';
import {
  CELL_APP_ID,
  type CellHeaders,
  Encoding,
  Header,
  type Hop,
  MessageType,
  routeOf,
} from './headers.js';
import { nextLeg } from './next-leg.js';
import { ReturnCode } from './return-code.js';

const log = logger('cellnet');

/** Finds the way of messages: our own, and those that we pass on. */
export class CellRouter {
  readonly #communicator: Communicator;
  readonly #now: () => number;
  /** Messages that no way led on, or that had been here before. */
  unroutable = 0;
  #isClosed = false;

  /** @param now - the wall clock, in milliseconds */
  constructor(communicator: Communicator, now: () => number) {
    this.#communicator = communicator;
    this.#now = now;
  }

  /** Our own name. */
  get fqcn(): string {
    return this.#communicator.localEndpoint.name;
  }

  /** Sends nothing any more. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Sends a message of our own to a cell, over the neighbour that leads there.
   *
   * @param via - the neighbour, where it is known
   * @returns false where the neighbour's queue is full, and the message is accepted
   * @throws CellError `invalid_target`, `target_unreachable`, `comm_error` where the queue of the neighbour is at its
   * limit (`code` is `NOT_READY`), it has just gone, or our own cell is closed; CommError `BAD_DATA` where the message has
   * no form on the wire
   */
  send(destination: string, headers: MessageHeaders, message: Message, via?: string): boolean {
    if (this.#isClosed) throw closedError(destination);
    const fault = endpointNameFault(destination);
    if (fault !== undefined)
      throw new CellError(ReturnCode.INVALID_TARGET, `cell ${destination}: ${fault}`, destination);
    const to = via ?? this.#legTo(destination);
    if (to === undefined) {
      throw new CellError(
        ReturnCode.TARGET_UNREACHABLE,
        `cell ${destination}: no neighbour leads there`,
        destination,
      );
    }
    const all = {
      ...headers,
      ...message.headers,
      [Header.ORIGIN]: this.fqcn,
      [Header.DESTINATION]: destination,
      [Header.FROM]: this.fqcn,
      [Header.TO]: to,
      [Header.ROUTE]: [this.#hop()],
      [Header.SEND_TIME]: this.#seconds(),
    };
    try {
      return this.#communicator.send(to, CELL_APP_ID, { headers: all, payload: message.payload });
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
    return defer(() => this.#communicator.drained(this.#legTo(destination) ?? destination));
  }

  /**
   * Passes a message on to the next cell on its way. Its payload is not touched. What cannot go on is sent back where
   * the origin waits for a reply.
   *
   * @returns settles when the next cell takes more: the reader of our neighbour waits for that
   */
  forward({ endpoint, message }: ReceivedMessage, headers: CellHeaders): Promise<void> | undefined {
    const route = routeOf(headers);
    const to = route === undefined ? undefined : this.#freshLeg(headers.cn__destination, route);
    if (route === undefined || to === undefined) {
      this.#sendBack(endpoint.name, headers);
      return undefined;
    }
    const next = {
      ...headers,
      [Header.FROM]: this.fqcn,
      [Header.TO]: to,
      [Header.ROUTE]: [...route, this.#hop()],
    };
    try {
      const hasRoom = this.#communicator.send(to, CELL_APP_ID, { headers: next, payload: message.payload });
      return hasRoom ? undefined : firstValueFrom(this.#communicator.drained(to)).catch(() => undefined);
    } catch (error) {
      log('cannot pass on a message to %s: %s', to, CommError.from(error).message);
      this.#sendBack(endpoint.name, headers);
      return undefined;
    }
  }

  #legTo(target: string): string | undefined {
    return nextLeg(this.fqcn, target, (name) => isReady(this.#communicator.findEndpoint(name)));
  }

  /** A cell that has seen the message would pass it to us again. Only the destination may be on the route. */
  #freshLeg(destination: string, route: readonly Hop[]): string | undefined {
    const leg = this.#legTo(destination);
    return leg !== destination && route.some(([name]) => name === leg) ? undefined : leg;
  }

  #sendBack(neighbour: string, headers: CellHeaders): void {
    this.unroutable += 1;
    if (headers.cn__msg_type !== MessageType.REQUEST || headers[Header.REPLY_EXPECTED] !== true) return;
    const returned = {
      [Header.MSG_TYPE]: MessageType.RETURN,
      [Header.RETURN_CODE]: ReturnCode.COMM_ERROR,
      [Header.ERROR]: 'cannot forward',
      [Header.RETURN_REASON]: 'cant_forward',
      [Header.REQ_ID]: [headers[Header.REQ_ID] ?? ''],
      [Header.ORIGINAL_HEADERS]: headers,
      [Header.PAYLOAD_ENCODING]: Encoding.NONE,
    };
    try {
      this.send(headers.cn__origin, returned, {}, neighbour);
    } catch (error) {
      log('cannot send back a message of %s: %s', neighbour, CommError.from(error).message);
    }
  }

  #hop(): Hop {
    return [this.fqcn, this.#seconds()];
  }

  #seconds(): number {
    return this.#now() / 1_000;
  }
}
