import { Observable, type Subscriber } from 'rxjs';

import type { FobsValue } from '../fobs/value.js';
import type { Message } from '../message.js';
import type { CellCodec } from './cell-codec.js';
import { CellError } from './cell-error.js';
import type { CellReply } from './cell-message.js';
import { type FireOptions, type RequestOptions, requireRequestOptions } from './cell-options.js';
import type { CellRouter } from './cell-router.js';
import { Header } from './headers.js';
import { requestHeaders } from './message-headers.js';
import type { OutboundStreams } from './outbound-streams.js';
import type { Outcome, PendingRequests } from './pending-requests.js';
import { offered, type ReferenceKeeper, sharedBy } from './reference-keeper.js';
import { askByStreams, canStream } from './stream-requests.js';

/** What is asked of whom. */
export interface Question {
  readonly targets: Iterable<string>;
  readonly channel: string;
  readonly topic: string;
  readonly payload: FobsValue;
  readonly options: RequestOptions | undefined;
  /** Arrays of replies are pulled. */
  readonly pulls: boolean;
}

/** What asking takes. */
export interface AskerParts {
  /** What the IDs of requests begin with. */
  readonly mark: string;
  readonly router: CellRouter;
  readonly pending: PendingRequests;
  readonly codec: CellCodec;
  readonly outbound: OutboundStreams;
  /** Keeps the arrays of requests, where they are sent by reference. */
  readonly keeper: ReferenceKeeper | undefined;
  readonly requestTimeoutMs: number;
  /** What is larger goes as a stream. */
  readonly streamAboveBytes: number;
}

/** Asks other cells, by messages or by streams, and sends what has no reply. */
export class CellAsker {
  readonly #parts: AskerParts;
  /** IDs of requests are of no use to others: only the target, and cells that may speak for it, can reply. */
  readonly #idPrefix: string;
  #asked = 0;

  constructor(parts: AskerParts) {
    this.#parts = parts;
    this.#idPrefix = `${parts.mark}${crypto.randomUUID()}`;
  }

  /** The one reply. Cold; errors with what the outcome has. */
  askOne(question: Question): Observable<CellReply> {
    return new Observable((subscriber) =>
      this.#ask(question, subscriber, ({ reply, error }) => {
        if (error === undefined) subscriber.next(reply);
        else subscriber.error(error);
      }),
    );
  }

  /** The outcome of each target, as it comes. Cold. */
  askAll(question: Question): Observable<Outcome> {
    return new Observable((subscriber) =>
      this.#ask(question, subscriber, (outcome) => subscriber.next(outcome)),
    );
  }

  /**
   * Asks while `subscriber` is open, and completes it after the last outcome.
   *
   * @param hear - called with each outcome
   */
  #ask(question: Question, subscriber: Subscriber<unknown>, hear: (outcome: Outcome) => void): void {
    const { channel, topic, payload, options = {}, pulls } = question;
    requireRequestOptions(options);
    const { router, pending, codec, outbound, keeper, requestTimeoutMs } = this.#parts;
    const { timeoutMs = requestTimeoutMs, stream, headers, optional = false } = options;
    const id = `${this.#idPrefix}-${(this.#asked += 1)}`;
    const wait = { id, targets: new Set(question.targets), timeoutMs, pulls };
    const offer = canStream(channel)
      ? keeper?.offer(sharedBy(wait.targets), () => pending.touch(id))
      : undefined;
    const messageTo = codec.encodedFor(payload, offer);
    if (stream ?? (this.#isLarge(channel, wait.targets, messageTo) || offer?.isUsed === true)) {
      const request = { ...wait, channel, topic, headers, optional, messageTo };
      const asked$ = askByStreams(request, pending, outbound);
      const outcome$ = offer === undefined ? asked$ : asked$.pipe(offered(offer, wait.targets.size));
      const error = (reason: unknown): void => subscriber.error(reason);
      subscriber.add(outcome$.subscribe({ next: hear, error, complete: () => subscriber.complete() }));
      return;
    }
    offer?.close();
    pending.wait(wait, subscriber, hear);
    for (const target of wait.targets) {
      if (subscriber.closed) return;
      const headers = requestHeaders(channel, topic, options);
      headers[Header.REQ_ID] = wait.id;
      headers[Header.REPLY_EXPECTED] = true;
      try {
        router.send(target, headers, messageTo(target));
      } catch (error) {
        if (!(error instanceof CellError)) throw error;
        pending.fail(wait.id, error, target);
      }
    }
  }

  /**
   * Sends a message that has no reply. A chunk passes here, so the options are not checked.
   *
   * @param comesBack - a cell that cannot pass it on sends it back, as NVFlare does with what expects a reply
   */
  fire(
    target: string,
    channel: string,
    topic: string,
    payload: FobsValue,
    options: FireOptions,
    comesBack = false,
  ): boolean {
    const headers = requestHeaders(channel, topic, options);
    headers[Header.REPLY_EXPECTED] = comesBack;
    const { router, codec } = this.#parts;
    return router.send(target, headers, codec.encodedFor(payload)(target));
  }

  #isLarge(channel: string, [first]: ReadonlySet<string>, messageTo: (target: string) => Message): boolean {
    if (first === undefined || !canStream(channel)) return false;
    return (messageTo(first).payload?.length ?? 0) > this.#parts.streamAboveBytes;
  }
}
