import { isPromise } from '../is-promise.js';
import { logger } from '../log.js';
import type { Message } from '../message.js';
import { quoted } from '../quoted.js';
import type { ReceivedMessage } from '../received-message.js';
import { answerOnce } from './answer-once.js';
import { readBulk } from './bulk.js';
import type { CellCodec } from './cell-codec.js';
import { type Answer, ANSWERED } from './cell-handler.js';
import type { CellRequest } from './cell-message.js';
import type { CellRouter } from './cell-router.js';
import { type CellHeaders, isCellHeaders, MessageType, requestIds } from './headers.js';
import type { InboundStreams } from './inbound-streams.js';
import type { KnownCells } from './known-cells.js';
import { replyHeaders, targetOf } from './message-headers.js';
import { maySpeakFor } from './next-hop.js';
import type { OutboundStreams } from './outbound-streams.js';
import type { PendingRequests, Settled } from './pending-requests.js';
import type { RequestDispatcher } from './request-dispatcher.js';

const log = logger('cellnet');

/** Who takes what comes. */
export interface ReceiverParts {
  readonly router: CellRouter;
  readonly known: KnownCells;
  readonly codec: CellCodec;
  readonly dispatcher: RequestDispatcher;
  readonly pending: PendingRequests;
  readonly inbound: InboundStreams;
  readonly outbound: OutboundStreams;
}

/** What comes from neighbours: is it a message of cells, may they send it, is it for us, and who takes it? */
export class CellReceiver {
  /** How many messages were dropped that are none of cells, or break their rules. */
  malformed = 0;
  /** How many were dropped of neighbours that do not speak for who is said to have sent them. */
  forged = 0;
  readonly #parts: ReceiverParts;
  #isStopped = false;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
  }

  /** Handles no more of a bulk. */
  stop(): void {
    this.#isStopped = true;
  }

  /** @returns a promise where reading from the neighbour is to wait for it */
  receive(received: ReceivedMessage): unknown {
    const { endpoint, message } = received;
    const headers = message.headers ?? {};
    if (!isCellHeaders(headers, endpoint.name)) {
      this.malformed += 1;
      return undefined;
    }
    const { router, known } = this.#parts;
    if (!maySpeakFor(router.fqcn, endpoint.name, headers.cn__origin)) {
      log('%s hands over what %s is said to send', quoted(endpoint.name), quoted(headers.cn__origin));
      this.forged += 1;
      return undefined;
    }
    known.note(headers.cn__origin, endpoint.name);
    if (headers.cn__destination !== router.fqcn) return router.forward(received, headers);
    if (headers.cn__msg_type === MessageType.REQUEST) return this.#dispatch(endpoint.name, headers, message);
    this.#settle(endpoint.name, headers, message);
    return undefined;
  }

  #dispatch(neighbour: string, headers: CellHeaders, message: Message): unknown {
    const { cn__origin: origin } = headers;
    const { router, codec, dispatcher } = this.#parts;
    const send: Answer = (returnCode, payload, error) => {
      const reply = replyHeaders(headers, returnCode, error);
      router.send(origin, reply, codec.encodedFor(payload)(origin), neighbour);
    };
    const answer = answerOnce(headers, send, (thrown) => dispatcher.errors.note(headers, thrown));
    return dispatcher.dispatch(neighbour, headers, message, answer);
  }

  /** A reply, or a request that came back since a cell on its way could not pass it on. */
  #settle(neighbour: string, headers: CellHeaders, message: Message): void {
    const target = targetOf(headers);
    // Only a cell on the way to the target can have sent a request back.
    if (!maySpeakFor(this.#parts.router.fqcn, headers.cn__origin, target)) {
      this.forged += 1;
      return;
    }
    const { outbound, pending, codec } = this.#parts;
    if (outbound.takeBack(target, headers)) return;
    let outcome: Settled | undefined;
    for (const id of requestIds(headers)) {
      // What nobody waits for is not decoded.
      if (pending.isWaiting(id, target))
        pending.settle(id, (outcome ??= codec.outcome(target, neighbour, headers, message)));
      else pending.countLate();
    }
  }

  /** A chunk that expects a reply has none but its acknowledgement. */
  takeChunk(chunk: CellRequest): typeof ANSWERED {
    if (!this.#parts.inbound.receive(chunk)) this.malformed += 1;
    return ANSWERED;
  }

  /** Handles the messages of a bulk one after the other, as NVFlare does. */
  async unpack(bulk: CellRequest): Promise<void> {
    for (const { headers, message } of this.#read(bulk)) {
      if (this.#isStopped) return;
      const work = this.#dispatch(bulk.neighbour, headers, message);
      if (isPromise(work)) await work;
    }
  }

  #read({ payload, headers }: CellRequest): ReturnType<typeof readBulk> {
    try {
      return readBulk(payload, headers as CellHeaders);
    } catch (thrown) {
      this.malformed += 1;
      throw thrown;
    }
  }
}
