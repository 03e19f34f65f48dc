import { finalize, type Observable, tap } from 'rxjs';

import { messageOf } from '../comm-error.js';
import { logger } from '../log.js';
import type { Message, MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import { answerOnce } from './answer-once.js';
import type { CellCodec } from './cell-codec.js';
import { CellError } from './cell-error.js';
import { REPLY_CHANNEL } from './channels.js';
import { type CellHeaders, hasShortEcho, textHeader } from './headers.js';
import type { InboundStream } from './inbound-stream.js';
import { messageHeaders, streamReplyHeaders } from './message-headers.js';
import type { OtherTaker } from './inbound-streams.js';
import type { OutboundStreams } from './outbound-streams.js';
import type { PendingRequests } from './pending-requests.js';
import type { ReferenceKeeper } from './reference-keeper.js';
import type { ReplyBudget } from './reply-budget.js';
import type { RequestDispatcher } from './request-dispatcher.js';
import { ReturnCode } from './return-code.js';
import { StreamHeader } from './stream-headers.js';
import { canStream } from './stream-requests.js';

const log = logger('cellnet');

/** Why a reply is refused. */
const UNWANTED = 'nobody waits for the reply';

/** Requests and replies that come as streams. */
export class StreamedMessages {
  readonly #codec: CellCodec;
  readonly #dispatcher: RequestDispatcher;
  readonly #pending: PendingRequests;
  readonly #outbound: OutboundStreams;
  readonly #keeper: ReferenceKeeper | undefined;
  readonly #budget: ReplyBudget;

  /** @param keeper - keeps the arrays of replies, where they are sent by reference */
  constructor(
    codec: CellCodec,
    dispatcher: RequestDispatcher,
    pending: PendingRequests,
    outbound: OutboundStreams,
    keeper: ReferenceKeeper | undefined,
    budget: ReplyBudget,
  ) {
    this.#keeper = keeper;
    this.#budget = budget;
    this.#codec = codec;
    this.#dispatcher = dispatcher;
    this.#pending = pending;
    this.#outbound = outbound;
  }

  /** Who takes a stream that nobody reads as such: it is a reply to one of our requests, or a request that is handled. */
  takerOf(channel: string, topic: string): OtherTaker | undefined {
    if (channel === REPLY_CHANNEL) return { take: (stream) => this.#takeReply(stream), distance: -1 };
    if (!canStream(channel)) return undefined;
    const distance = this.#dispatcher.handlers.distance(channel, topic);
    return { take: (stream) => this.#takeRequest(stream), distance };
  }

  #takeRequest(stream: InboundStream): void {
    const { neighbour } = stream;
    const headers = messageHeaders(stream);
    if (!hasShortEcho(headers, headers[StreamHeader.REQUEST_ID])) {
      stream.refuse('its request ID, channel or topic is too long');
      return;
    }
    const answer = answerOnce(
      headers,
      (...answered) => this.#sendReply(stream, headers, ...answered),
      (thrown) => this.#dispatcher.errors.note(headers, thrown),
    );
    run(
      stream.collect((payload) => this.#dispatcher.dispatch(neighbour, headers, { payload }, answer)),
      'request',
    );
  }

  #sendReply(
    stream: InboundStream,
    request: CellHeaders,
    ...[returnCode, payload, error]: Parameters<ReturnType<typeof answerOnce>>
  ): void {
    const { origin, neighbour, isModern } = stream;
    if (!this.#budget.hasRoomFor(neighbour)) {
      this.#refuse(stream, request);
      return;
    }
    const offer = this.#keeper?.offer(neighbour);
    const message = this.#codec.encodedFor(payload, offer)(origin);
    const end = this.#budget.begin(neighbour, message.payload?.length ?? 0);
    if (end === undefined) {
      offer?.release();
      this.#refuse(stream, request);
      return;
    }
    const sent$ = this.#reply(
      stream,
      streamReplyHeaders(request, message, returnCode, error),
      message,
      isModern,
    );
    run(sent$.pipe(tap({ error: () => offer?.release() }), finalize(end)), 'reply');
  }

  /** Not reliable: a refusal need not be acknowledged. */
  #refuse(stream: InboundStream, request: CellHeaders): void {
    log('too many replies to %s wait to be acknowledged', quoted(stream.neighbour));
    const message = this.#codec.encodedFor(undefined)(stream.origin);
    const headers = streamReplyHeaders(
      request,
      message,
      ReturnCode.SERVICE_UNAVAILABLE,
      'too many replies wait',
    );
    run(this.#reply(stream, headers, message, false), 'reply');
  }

  #reply(
    { origin, channel, topic }: InboundStream,
    headers: MessageHeaders,
    { payload = new Uint8Array() }: Message,
    reliable: boolean,
  ): Observable<unknown> {
    const options = { headers, optional: true, reliable };
    return this.#outbound.send(origin, REPLY_CHANNEL, `${channel}:${topic}`, payload, options);
  }

  #takeReply(stream: InboundStream): void {
    const { origin, neighbour } = stream;
    const id = textHeader(stream.headers, StreamHeader.REQUEST_ID);
    if (!this.#pending.isWaiting(id, origin)) {
      this.#pending.countLate();
      stream.refuse(UNWANTED);
      return;
    }
    const settle = (payload: Uint8Array): void => {
      const outcome = this.#codec.outcome(origin, neighbour, messageHeaders(stream), { payload });
      this.#pending.settle(id, outcome);
    };
    const failed = (error: unknown): void => {
      if (error instanceof CellError) this.#pending.settle(id, { target: origin, error });
    };
    const moved = (): void => {
      if (this.#pending.isWaiting(id, origin)) this.#pending.touch(id);
      else stream.refuse(UNWANTED);
    };
    run(stream.collect(settle, moved).pipe(tap({ error: failed })), 'reply');
  }
}

/** Runs what nobody waits for. */
function run(work$: Observable<unknown>, what: string): void {
  work$.subscribe({
    error: (thrown: unknown) => log('a %s that is a stream failed: %s', what, messageOf(thrown)),
  });
}
