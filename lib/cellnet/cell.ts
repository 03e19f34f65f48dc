import {
  asyncScheduler,
  BehaviorSubject,
  defaultIfEmpty,
  defer,
  filter,
  firstValueFrom,
  isObservable,
  lastValueFrom,
  map,
  mergeMap,
  Observable,
  of,
  type SchedulerLike,
  type Subscription,
  take,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { type Endpoint, EndpointState, isReady } from '../endpoint.js';
import type { FobsDialect } from '../fobs/sections.js';
import type { FobsValue } from '../fobs/value.js';
import { isPromise } from '../is-promise.js';
import { logger } from '../log.js';
import type { Message, MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import type { ReceivedMessage } from '../received-message.js';
import { CELL_CHANNEL, CellTopic, readBulk } from './bulk.js';
import { CellError } from './cell-error.js';
import type { CellMessage, CellReply, CellRequest } from './cell-message.js';
import { CellRouter } from './cell-router.js';
import { type KnownCell, KnownCells } from './known-cells.js';
import { HandlerTable } from './handler-table.js';
import {
  CELL_APP_ID,
  type CellHeaders,
  Header,
  isCellHeaders,
  MessageType,
  requestIds,
  textHeader,
} from './headers.js';
import type { InboundStream } from './inbound-stream.js';
import type { IncomingStream } from './incoming-stream.js';
import { InboundStreams, type StreamTaker } from './inbound-streams.js';
import type { StreamProgress } from './outbound-stream.js';
import { OutboundStreams, type SendStreamOptions } from './outbound-streams.js';
import { decodePayload, encodePayload } from './payload.js';
import { maySpeakFor } from './next-leg.js';
import { PeerDialects } from './peer-dialects.js';
import { type Outcome, PendingRequests } from './pending-requests.js';
import { isReturnCode, ReturnCode } from './return-code.js';
import { STREAM_CHANNEL, StreamHeader, StreamTopic } from './stream-headers.js';
import { STREAM_DEFAULTS, type StreamOptions } from './stream-options.js';
import { askByStreams, canStream, messageHeaders, REPLY_CHANNEL, replyHeaders } from './stream-requests.js';
import type { StreamSource } from './stream-source.js';

const log = logger('cellnet');

/** How a cell works. */
export interface CellOptions {
  /** How long a request waits for its reply, in milliseconds. Default: 10,000. NVFlare waits an hour. */
  readonly requestTimeoutMs?: number;
  /**
   * How long a request to a neighbour goes on waiting after that has disconnected, in milliseconds; it fails then, unless
   * the neighbour is back. Default: 0. A reply that a neighbour has ready after it came back is lost without this.
   * NVFlare waits for the whole time-out.
   */
  readonly reconnectGraceMs?: number;
  /** The FOBS dialect for cells of which nothing has come yet; later each is answered in its own. Default: `2.7`. */
  readonly dialect?: FobsDialect;
  /** How streams are sent and received. */
  readonly streams?: StreamOptions;
  /** For tests in virtual time. Default: RxJS's `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

/** How one request is made. */
export interface RequestOptions {
  /** Default: `requestTimeoutMs` of the cell. */
  readonly timeoutMs?: number;
  /** Headers of the application; names that begin with `cn__` belong to cells. */
  readonly headers?: MessageHeaders;
  /** Cells on the way do not warn where they cannot pass it on. Default: false. */
  readonly optional?: boolean;
  /**
   * It is sent as a stream, and so answered: its time-out begins anew whenever something moves. Default: whether the payload
   * is larger than a chunk, on channels where NVFlare streams requests.
   */
  readonly stream?: boolean;
}

/**
 * Answers requests: with a value, a promise of one, or an Observable, whose first value is the reply. `undefined` is an
 * empty reply. What it throws becomes a return code: that of a {@link CellError}, or else `process_exception`. Its text
 * does not travel.
 */
export type CellHandler = (
  request: CellRequest,
) => FobsValue | PromiseLike<FobsValue> | Observable<FobsValue>;

/** A request that is answered by a call. */
export interface OpenRequest extends CellRequest {
  /** Answers with a payload. A second answer is ignored. */
  reply(payload?: FobsValue): void;
  /** Answers with a return code. Default: `process_exception`. */
  fail(returnCode?: ReturnCode): void;
}

/** What a cell dropped since it was made. */
export interface CellStats {
  /** Replies that nobody waited for: late ones, second ones, and those never asked for. */
  readonly lateReplies: number;
  /** Messages without the headers that a cell must send. */
  readonly malformed: number;
  /** Messages of a neighbour that is not on the way from the cell that is said to have sent them. */
  readonly forged: number;
  /** Messages for other cells that no way led to. */
  readonly unroutable: number;
}

const BYE_TIMEOUT_MS = 500;

/** What the promise of a handler gives that answers for itself. */
const ANSWERED = Symbol('answered');

/**
 * A cell of NVFlare on a Communicator: requests and replies by channel and topic, routed by name.
 *
 * Its name is that of the local endpoint (its FQCN), which also says where it stands: `site-1.job` is a child of
 * `site-1`, and `server` is the root that all families connect to. A cell passes on what is for others by NVFlare's
 * rules, so any cell can be a relay.
 */
export class Cell {
  /** What the cell sends and receives by, under app ID 1. */
  readonly communicator: Communicator;
  /**
   * The cells that are known, by name: neighbours by their connections, others, at most 1,000 behind each, by what came
   * from them. Emits at once and after each change, for others at most ten times a second; completes when the cell ends.
   * Others are there as they say themselves.
   */
  readonly cells$: Observable<ReadonlyMap<string, KnownCell>>;

  readonly #router: CellRouter;
  readonly #pending: PendingRequests;
  readonly #handlers = new HandlerTable<(request: CellRequest, answer: Answer) => unknown>();
  readonly #dialects = new PeerDialects();
  readonly #known = new KnownCells();
  readonly #inbound: InboundStreams;
  readonly #outbound: OutboundStreams;
  readonly #requestTimeoutMs: number;
  readonly #streamAboveBytes: number;
  readonly #dialect: FobsDialect;
  readonly #hasEnded = new BehaviorSubject(false);
  readonly #end$ = this.#hasEnded.pipe(filter(Boolean));
  #lateReplies = 0;
  #malformed = 0;
  #forged = 0;

  /** @throws CommError `BAD_CONFIG` where app ID 1 has a receiver already, `CLOSED` where the communicator has stopped */
  constructor(communicator: Communicator, options: CellOptions = {}) {
    const { requestTimeoutMs = 10_000, reconnectGraceMs = 0 } = options;
    const { dialect = '2.7', scheduler = asyncScheduler } = options;
    this.communicator = communicator;
    this.cells$ = this.#known.cells(communicator.endpoints$, scheduler).pipe(takeUntil(this.#end$));
    this.#router = new CellRouter(communicator, () => scheduler.now());
    this.#pending = new PendingRequests(scheduler);
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#dialect = dialect;
    const streamOptions = { ...STREAM_DEFAULTS, ...options.streams };
    this.#streamAboveBytes = streamOptions.chunkBytes;
    this.#inbound = new InboundStreams(
      streamOptions,
      this.#dialects,
      scheduler,
      (target, topic, headers) =>
        this.#try(() => this.fire(target, STREAM_CHANNEL, topic, undefined, { headers, optional: true })),
      (channel, topic) => this.#takerOf(channel, topic),
    );
    this.#outbound = new OutboundStreams(this.fqcn, streamOptions, this.#dialects, scheduler, {
      send: (target, headers, bytes, optional) =>
        this.fire(target, STREAM_CHANNEL, StreamTopic.DATA, bytes, { headers, optional }),
      drained: (target) => this.#router.drained(target),
    });
    const receiving = communicator.registerMessageReceiver(CELL_APP_ID, (received) =>
      this.#receive(received),
    );
    this.#end$.subscribe(() => receiving.unsubscribe());
    const gone$ = communicator.lifecycle$.pipe(
      map((event) => (event.type === 'endpoint' ? event.endpoint : undefined)),
      filter((endpoint) => endpoint?.state === EndpointState.DISCONNECTED),
      filter((endpoint) => endpoint !== undefined),
      mergeMap(({ name }) =>
        reconnectGraceMs === 0 ? of(name) : timer(reconnectGraceMs, scheduler).pipe(map(() => name)),
      ),
      filter((name) => !isReady(communicator.findEndpoint(name))),
      takeUntil(this.#end$),
    );
    gone$.subscribe({ next: (name) => this.#pending.lose(name), complete: () => this.#end() });
    if (this.#hasEnded.value)
      throw new CommError(CommErrorCode.CLOSED, `cell ${this.fqcn}: its communicator has stopped`);
    this.handle(CELL_CHANNEL, CellTopic.BYE, () => undefined);
    this.#handlers.add(CELL_CHANNEL, CellTopic.BULK, (bulk) => this.#unpack(bulk));
    this.#handlers.add(STREAM_CHANNEL, StreamTopic.DATA, (chunk) => this.#onChunk(chunk));
    this.#handlers.add(STREAM_CHANNEL, StreamTopic.ACK, (ack) => this.#outbound.receive(ack));
    this.#handlers.add(STREAM_CHANNEL, StreamTopic.ERROR, (error) => this.#outbound.receive(error));
  }

  /** The name of the cell, NVFlare's FQCN. */
  get fqcn(): string {
    return this.communicator.localEndpoint.name;
  }

  /** What was dropped so far. */
  get stats(): CellStats {
    return {
      lateReplies: this.#lateReplies,
      malformed: this.#malformed,
      forged: this.#forged,
      unroutable: this.#router.unroutable,
    };
  }

  /**
   * Asks a cell. Cold: each subscription is a request. Emits the one reply and completes; unsubscribing gives up.
   *
   * Errors with CellError: `timeout`, `invalid_target`, `target_unreachable`, `comm_error` where a cell on the way could
   * not pass it on, the target is a neighbour that disconnects, our own cell is closed, or a queue is full (`code` is `NOT_READY` then), or the return code that the
   * other cell answered with; CommError `BAD_DATA` for a payload or headers that cannot be sent.
   */
  request(
    target: string,
    channel: string,
    topic: string,
    payload?: FobsValue,
    options?: RequestOptions,
  ): Observable<CellReply> {
    return this.broadcast([target], channel, topic, payload, options).pipe(
      map(({ reply, error }) => {
        if (error !== undefined) throw error;
        return reply;
      }),
    );
  }

  /**
   * Asks several cells at once. Cold. Emits the outcome of each as it comes, a reply or an error, and completes after
   * the last. Errors with CommError `BAD_DATA` for a payload or headers that cannot be sent.
   */
  broadcast(
    targets: Iterable<string>,
    channel: string,
    topic: string,
    payload?: FobsValue,
    { timeoutMs = this.#requestTimeoutMs, stream, ...options }: RequestOptions = {},
  ): Observable<Outcome> {
    return defer(() => {
      const id = crypto.randomUUID();
      const all = new Set(targets);
      const messageTo = this.#encodedFor(payload);
      if (stream ?? this.#isLarge(channel, all, messageTo)) {
        const { headers, optional = false } = options;
        const request = { id, targets: all, channel, topic, headers, optional, timeoutMs, messageTo };
        return askByStreams(request, this.#pending, this.#outbound);
      }
      const headers = {
        ...requestHeaders(channel, topic, options),
        [Header.REQ_ID]: id,
        [Header.REPLY_EXPECTED]: true,
      };
      return this.#pending.outcomes(id, all, timeoutMs, (target) => {
        try {
          this.#router.send(target, headers, messageTo(target));
          return undefined;
        } catch (error) {
          if (error instanceof CellError) return error;
          throw error;
        }
      });
    });
  }

  /**
   * Sends a message that no reply is expected to.
   *
   * @returns false where the queue of the neighbour on the way is full; the message is accepted all the same
   * @throws CellError `invalid_target`, `target_unreachable`, `comm_error` where our own cell is closed or a queue is at its
   * limit (`code` is `NOT_READY` then); CommError `BAD_DATA` for a payload or headers that cannot be sent
   */
  fire(
    target: string,
    channel: string,
    topic: string,
    payload?: FobsValue,
    options: RequestOptions = {},
  ): boolean {
    const headers = { ...requestHeaders(channel, topic, options), [Header.REPLY_EXPECTED]: false };
    return this.#router.send(target, headers, this.#encodedFor(payload)(target));
  }

  /**
   * Registers the handler of a topic of a channel. {@link ANY} as topic stands for those of the channel that have none,
   * and as both for all others. Unsubscribing takes it away.
   *
   * @throws CommError `BAD_CONFIG` where they have a handler already
   */
  handle(channel: string, topic: string, handler: CellHandler): Subscription {
    return this.#handlers.add(channel, topic, handler);
  }

  /**
   * The requests of a topic as a stream, while it is subscribed. Each waits until it is answered by a call of `reply` or
   * `fail`. While those of one connection that wait hold more than `maxPendingBytes`, reading from it pauses; what expects
   * no reply does not wait, nor does anything once the stream is unsubscribed, though it can still be answered. Completes
   * when the cell ends. Errors with CommError `BAD_CONFIG` where they have a handler already.
   */
  requests(channel: string, topic: string): Observable<OpenRequest> {
    return new Observable<OpenRequest>((subscriber) => {
      const waiting = new Set<() => void>();
      const handling = this.#handlers.add(channel, topic, (request, answer) => {
        let settle = (): void => undefined;
        const settled = new Promise((resolve) => (settle = () => resolve(ANSWERED)));
        const close = (returnCode: ReturnCode, payload?: FobsValue): void => {
          waiting.delete(settle);
          settle();
          answer(returnCode, payload);
        };
        if (request.replyExpected) waiting.add(settle);
        else settle();
        subscriber.next({
          ...request,
          reply: (payload) => close(ReturnCode.OK, payload),
          fail: (returnCode = ReturnCode.PROCESS_EXCEPTION) => close(returnCode),
        });
        return settled;
      });
      return () => {
        handling.unsubscribe();
        for (const settle of waiting) settle();
      };
    }).pipe(takeUntil(this.#end$));
  }

  /**
   * Sends a stream of bytes. Cold: each subscription sends it. Emits how far it is, and completes when all has arrived,
   * or where the target is NVFlare up to 2.8, when all is sent. Memory is the window and not the stream: the source is
   * asked for more when the receiver has consumed. Unsubscribing aborts it.
   *
   * Errors with CellError: `comm_error` where the receiver refuses it, or our own cell is closed; `timeout` where it is
   * silent for `ackTimeoutMs`; and those of `fire`, where the first chunk cannot be sent, or, unless it is reliable, any.
   * CommError: `CLOSED` where the neighbour on the way goes while its queue is full, unless it is reliable; `BAD_DATA`
   * where the source is not of `size` bytes, has something else than bytes, or bytes that were transferred elsewhere;
   * `NOT_READY` where an Observable is too far ahead of the receiver. Else with what the source errors with.
   */
  sendStream(
    target: string,
    channel: string,
    topic: string,
    source: StreamSource,
    options?: SendStreamOptions,
  ): Observable<StreamProgress> {
    return this.#outbound.send(target, channel, topic, source, options);
  }

  /**
   * The streams of a topic of a channel that others send, while it is subscribed; {@link ANY} as for `handle`. Each waits
   * to be read. Completes when the cell ends. Errors with CommError `BAD_CONFIG` where another subscription has them.
   */
  streams(channel: string, topic: string): Observable<IncomingStream> {
    return new Observable<IncomingStream>((subscriber) =>
      this.#inbound.handlers.add(channel, topic, (stream) => subscriber.next(stream)),
    ).pipe(takeUntil(this.#end$));
  }

  /**
   * Says goodbye to the neighbours, as NVFlare does, and ends, as it does when its communicator stops: open requests and
   * streams fail, new ones fail at once with `comm_error`, and nothing is handled any more.
   */
  async close(): Promise<void> {
    const endpoints = await firstValueFrom(this.communicator.endpoints$, {
      defaultValue: new Map<string, Endpoint>(),
    });
    const neighbours = [...endpoints.values()].filter(isReady);
    const names = neighbours.map(({ name }) => name);
    const bye$ = this.broadcast(names, CELL_CHANNEL, CellTopic.BYE, undefined, {
      timeoutMs: BYE_TIMEOUT_MS,
      optional: true,
    });
    await lastValueFrom(bye$, { defaultValue: undefined });
    this.#end();
  }

  /** Nothing comes any more. Streams that come are refused before, since the cell sends nothing after. */
  #end(): void {
    if (this.#hasEnded.value) return;
    this.#inbound.stop();
    this.#router.close();
    this.#hasEnded.next(true);
    this.#outbound.stop();
    this.#pending.close();
  }

  #receive(received: ReceivedMessage): unknown {
    const { endpoint, message } = received;
    const headers = message.headers ?? {};
    if (!isCellHeaders(headers)) {
      this.#malformed += 1;
      return undefined;
    }
    if (!maySpeakFor(this.fqcn, endpoint.name, headers.cn__origin)) {
      log('%s hands over what %s is said to send', quoted(endpoint.name), quoted(headers.cn__origin));
      this.#forged += 1;
      return undefined;
    }
    this.#known.note(headers.cn__origin, endpoint.name);
    if (headers.cn__destination !== this.fqcn) return this.#router.forward(received, headers);
    if (headers.cn__msg_type === MessageType.REQUEST) return this.#dispatch(endpoint.name, headers, message);
    this.#settle(endpoint.name, headers, message);
    return undefined;
  }

  /** @returns what the reader of the neighbour waits for */
  #dispatch(
    neighbour: string,
    headers: CellHeaders,
    message: Message,
    answer: Answer = this.#answerTo(neighbour, headers),
  ): unknown {
    const channel = textHeader(headers, Header.CHANNEL);
    const topic = textHeader(headers, Header.TOPIC);
    const handler = this.#handlers.find(channel, topic);
    if (handler === undefined) {
      answer(ReturnCode.PROCESS_EXCEPTION, undefined, 'no callback');
      return;
    }
    if (headers[Header.ENCRYPTED] === true) {
      answer(ReturnCode.AUTHENTICATION_ERROR);
      return;
    }
    const fail = (thrown: unknown): void => {
      log(
        'the handler of %s failed on a request of %s: %s',
        quoted(topic),
        quoted(headers.cn__origin),
        messageOf(thrown),
      );
      answer(thrown instanceof CellError ? thrown.returnCode : ReturnCode.PROCESS_EXCEPTION);
    };
    try {
      const request = { ...this.#read(neighbour, headers, message), replyExpected: expectsReply(headers) };
      const result = handler(request, answer);
      if (isObservable(result)) {
        const first$ = result.pipe(
          take(1),
          defaultIfEmpty(undefined),
          tap({ next: (value) => answer(ReturnCode.OK, value as FobsValue), error: fail }),
        );
        return lastValueFrom(first$).catch(() => undefined);
      }
      if (isPromise(result)) {
        const reply = (value: unknown): void => {
          if (value !== ANSWERED) answer(ReturnCode.OK, value as FobsValue);
        };
        return result.then(reply, fail);
      }
      answer(ReturnCode.OK, result as FobsValue);
      return;
    } catch (thrown) {
      fail(thrown);
      return undefined;
    }
  }

  /** Answers a request once, to the neighbour that it came from. */
  #answerTo(neighbour: string, headers: CellHeaders): Answer {
    const { cn__origin: origin } = headers;
    let isOpen = expectsReply(headers);
    const send = (returnCode: ReturnCode, message: Message, error?: string): unknown => {
      const reply: MessageHeaders = {
        [Header.MSG_TYPE]: MessageType.REPLY,
        [Header.RETURN_CODE]: returnCode,
        [Header.ERROR]: error,
        [Header.REQ_ID]: headers[Header.REQ_ID],
        [Header.CHANNEL]: headers[Header.CHANNEL],
        [Header.TOPIC]: headers[Header.TOPIC],
        [Header.SECURE]: headers[Header.SECURE],
        [Header.OPTIONAL]: headers[Header.OPTIONAL],
      };
      return this.#router.send(origin, reply, message, neighbour);
    };
    return (returnCode, payload, error) => {
      if (!isOpen) return;
      isOpen = false;
      try {
        send(returnCode, this.#encodedFor(payload)(origin), error);
      } catch (thrown) {
        log('cannot reply to %s: %s', quoted(origin), CommError.from(thrown).message);
        // A value that has no form on the wire is a failure of its handler.
        if (payload !== undefined) this.#try(() => send(ReturnCode.PROCESS_EXCEPTION, {}));
      }
    };
  }

  /** A reply, or a request that came back since a cell on its way could not pass it on. */
  #settle(neighbour: string, headers: CellHeaders, message: Message): void {
    const target = targetOf(headers);
    // Only a cell on the way to the target can have sent a request back.
    if (!maySpeakFor(this.fqcn, headers.cn__origin, target)) {
      this.#forged += 1;
      return;
    }
    const outcome = this.#outcomeOf(target, neighbour, headers, message);
    for (const id of requestIds(headers)) if (!this.#pending.settle(id, outcome)) this.#lateReplies += 1;
  }

  #outcomeOf(target: string, neighbour: string, headers: CellHeaders, message: Message): Outcome {
    const returnCode = headers[Header.RETURN_CODE] ?? ReturnCode.OK;
    if (returnCode === ReturnCode.OK && headers.cn__msg_type === MessageType.REPLY) {
      try {
        return { target, reply: { ...this.#read(neighbour, headers, message), target } };
      } catch (cause) {
        const text = `cell ${target}: its reply cannot be read: ${messageOf(cause)}`;
        return { target, error: new CellError(ReturnCode.INVALID_REQUEST, text, target, { cause }) };
      }
    }
    const known = isReturnCode(returnCode) ? returnCode : ReturnCode.PROCESS_EXCEPTION;
    const reason = textHeader(headers, Header.ERROR);
    const said = reason === '' ? '' : `, ${quoted(reason)}`;
    return { target, error: new CellError(known, `cell ${target} answered ${known}${said}`, target) };
  }

  #read(neighbour: string, headers: CellHeaders, message: Message): CellMessage {
    const { value, dialect } = decodePayload({ headers, payload: message.payload });
    const { cn__origin: origin } = headers;
    if (dialect !== undefined) this.#dialects.learn(origin, { fobs: dialect });
    return {
      origin,
      neighbour,
      channel: textHeader(headers, Header.CHANNEL),
      topic: textHeader(headers, Header.TOPIC),
      headers,
      payload: value,
    };
  }

  #isLarge(channel: string, [first]: ReadonlySet<string>, messageTo: (target: string) => Message): boolean {
    if (first === undefined || !canStream(channel)) return false;
    return (messageTo(first).payload?.length ?? 0) > this.#streamAboveBytes;
  }

  /** Streams that nobody reads as such are requests, or replies to ours. */
  #takerOf(channel: string, topic: string): StreamTaker | undefined {
    if (channel === REPLY_CHANNEL) return (stream) => this.#takeReply(stream);
    if (!canStream(channel) || this.#handlers.find(channel, topic) === undefined) return undefined;
    return (stream) => this.#takeRequest(stream);
  }

  #takeRequest(stream: InboundStream): void {
    const headers = messageHeaders(stream);
    const answer = this.#answerByStream(stream, headers);
    this.#run(
      stream.collect((payload) => this.#dispatch(stream.neighbour, headers, { payload }, answer)),
      'request',
    );
  }

  #answerByStream({ origin, channel, topic, isModern }: InboundStream, headers: CellHeaders): Answer {
    let isOpen = expectsReply(headers);
    return (returnCode, payload, error) => {
      if (!isOpen) return;
      isOpen = false;
      const sent$ = defer(() => {
        const message = this.#encodedFor(payload)(origin);
        return this.#outbound.send(
          origin,
          REPLY_CHANNEL,
          `${channel}:${topic}`,
          message.payload ?? new Uint8Array(),
          {
            headers: replyHeaders(headers, message, returnCode, error),
            optional: true,
            reliable: isModern,
          },
        );
      });
      this.#run(sent$, 'reply');
    };
  }

  #takeReply(stream: InboundStream): void {
    const { origin, neighbour } = stream;
    const id = textHeader(stream.headers, StreamHeader.REQUEST_ID);
    if (!this.#pending.isWaiting(id, origin)) {
      this.#lateReplies += 1;
      stream.refuse('nobody waits for the reply');
      return;
    }
    const settle = (outcome: Outcome): void => {
      if (!this.#pending.settle(id, outcome)) this.#lateReplies += 1;
    };
    const collected$ = stream.collect(
      (payload) => settle(this.#outcomeOf(origin, neighbour, messageHeaders(stream), { payload })),
      () => this.#pending.touch(id),
    );
    this.#run(
      collected$.pipe(
        tap({
          error: (error: unknown) => {
            if (error instanceof CellError) settle({ target: origin, error });
          },
        }),
      ),
      'reply',
    );
  }

  /** Runs what nobody waits for. */
  #run(work$: Observable<unknown>, what: string): void {
    work$.subscribe({
      error: (thrown: unknown) => log('a %s that is a stream failed: %s', what, messageOf(thrown)),
    });
  }

  #onChunk(chunk: CellRequest): void {
    if (!this.#inbound.receive(chunk)) this.#malformed += 1;
  }

  #try(send: () => unknown): void {
    try {
      send();
    } catch (thrown) {
      log('cannot answer: %s', CommError.from(thrown).message);
    }
  }

  /** The payload in the dialect of each target, encoded once per dialect. */
  #encodedFor(payload: FobsValue): (target: string) => Message {
    const encoded = new Map<FobsDialect, Message>();
    return (target) => {
      const dialect = this.#dialects.of(target).fobs ?? this.#dialect;
      const known = encoded.get(dialect) ?? encodePayload(payload, dialect);
      encoded.set(dialect, known);
      return known;
    };
  }

  /** Handles the messages of a bulk one by one. */
  #unpack({ payload, headers, neighbour }: CellRequest): Promise<unknown> {
    const messages = readBulk(payload, headers as CellHeaders);
    return Promise.all(
      messages.map(({ headers: inner, message }) => this.#dispatch(neighbour, inner, message)),
    );
  }
}

type Answer = (returnCode: ReturnCode, payload?: FobsValue, error?: string) => void;

function requestHeaders(
  channel: string,
  topic: string,
  { headers, optional = false }: RequestOptions,
): MessageHeaders {
  return {
    ...headers,
    [Header.MSG_TYPE]: MessageType.REQUEST,
    [Header.CHANNEL]: channel,
    [Header.TOPIC]: topic,
    [Header.OPTIONAL]: optional,
    [Header.SECURE]: false,
  };
}

function expectsReply(headers: CellHeaders): boolean {
  return headers[Header.REPLY_EXPECTED] === true;
}

const hasDestination = isMatching({ [Header.DESTINATION]: P.string });

/** Who was asked: a cell that sends a request back names that in the headers it sends along. */
function targetOf(headers: CellHeaders): string {
  if (headers.cn__msg_type !== MessageType.RETURN) return headers.cn__origin;
  const original = headers[Header.ORIGINAL_HEADERS];
  return hasDestination(original) ? original.cn__destination : '';
}
