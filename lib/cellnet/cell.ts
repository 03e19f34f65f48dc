import {
  BehaviorSubject,
  defer,
  filter,
  firstValueFrom,
  lastValueFrom,
  map,
  Observable,
  type Subscription,
  takeUntil,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import { type Endpoint, isReady } from '../endpoint.js';
import type { Reference } from '../fobs/datum.js';
import type { FobsValue } from '../fobs/value.js';
import { logger } from '../log.js';
import type { MessageHeaders } from '../message.js';
import type { ReceivedMessage } from '../received-message.js';
import { CellTopic } from './bulk.js';
import { CELL_CHANNEL } from './channels.js';
import { CellAsker } from './cell-asker.js';
import { CellCodec } from './cell-codec.js';
import type { CellHandler, OpenRequest } from './cell-handler.js';
import type { CellReply } from './cell-message.js';
import {
  type CellOptions,
  type FireOptions,
  requireFireOptions,
  type RequestOptions,
  resolveCellOptions,
} from './cell-options.js';
import { CellReceiver } from './cell-receiver.js';
import { CellRouter } from './cell-router.js';
import type { HandlerError } from './handler-errors.js';
import { CELL_APP_ID } from './headers.js';
import { InboundStreams } from './inbound-streams.js';
import type { IncomingStream } from './incoming-stream.js';
import { DOWNLOAD_CHANNEL, DOWNLOAD_TOPIC, SOURCE_FAILURE_TOPIC } from './download-protocol.js';
import { FileKeeper, type FilePull } from './file-keeper.js';
import { type KnownCell, KnownCells } from './known-cells.js';
import { neighbourGone } from './neighbour-gone.js';
import { openRequests } from './open-requests.js';
import type { StreamProgress } from './outbound-stream.js';
import { OutboundStreams, type SendStreamOptions } from './outbound-streams.js';
import { type Outcome, PendingRequests } from './pending-requests.js';
import type { PullWire } from './pull-steps.js';
import { keeperOf, nothingKept, type ReferenceKeeper } from './reference-keeper.js';
import { type PulledItem, ReferencePuller } from './reference-puller.js';
import { ReplyBudget } from './reply-budget.js';
import { RequestDispatcher } from './request-dispatcher.js';
import { type PullSource, SourceFailures } from './source-failures.js';
import { STREAM_CHANNEL, StreamTopic } from './stream-headers.js';
import type { StreamSource } from './stream-source.js';
import { StreamedMessages } from './streamed-messages.js';

const log = logger('cellnet');

/** What a cell dropped since it was made. */
export interface CellStats {
  /** Replies that nobody waited for: late ones, second ones, and those never asked for. */
  readonly lateReplies: number;
  /** Messages without the headers that a cell must send, messages of streams without an ID, and bulks that are refused. */
  readonly malformed: number;
  /** Messages of a neighbour that is not on the way from the cell that is said to have sent them. */
  readonly forged: number;
  /**
   * Messages for other cells that could not be passed on: no way led there, or back to a cell that they had passed; their
   * route was none; or the neighbour on the way had no room.
   */
  readonly unroutable: number;
}

const BYE_TIMEOUT_MS = 500;

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
  /**
   * What handlers threw, a {@link CellError} that they chose too, what they returned that has no form on the wire, and
   * requests that could not be read. The cell that asked gets a return code. Completes when the cell ends.
   */
  readonly handlerErrors$: Observable<HandlerError>;

  readonly #router: CellRouter;
  readonly #pending: PendingRequests;
  readonly #codec: CellCodec;
  readonly #puller: ReferencePuller;
  readonly #keeper: ReferenceKeeper | undefined;
  readonly #files = new FileKeeper();
  readonly #dispatcher: RequestDispatcher;
  readonly #known = new KnownCells();
  readonly #inbound: InboundStreams;
  readonly #outbound: OutboundStreams;
  readonly #asker: CellAsker;
  readonly #receiver: CellReceiver;
  readonly #hasEnded = new BehaviorSubject(false);
  readonly #end$ = this.#hasEnded.pipe(filter(Boolean));
  /** Others can pull from us. */
  #isPullable = false;

  /**
   * @throws CommError `BAD_CONFIG` where app ID 1 has a receiver already, or for an option that is unknown, of the wrong
   * type or out of range; `CLOSED` where the communicator has stopped
   */
  constructor(communicator: Communicator, options?: CellOptions) {
    const { requestTimeoutMs, reconnectGraceMs, dialect, scheduler, streams, references } =
      resolveCellOptions(options);
    this.communicator = communicator;
    const { replicaMark: mark } = communicator;
    this.cells$ = this.#known.cells(communicator.endpoints$, scheduler).pipe(takeUntil(this.#end$));
    this.#router = new CellRouter(communicator, scheduler);
    this.#pending = new PendingRequests(scheduler);
    this.#keeper = keeperOf(this.fqcn, mark, references, scheduler);
    const failures = new SourceFailures(scheduler);
    const wire: PullWire = {
      ask: (...step) => this.#pullStep(...step),
      tell: (target, end) =>
        this.#try(() => this.#asker.fire(target, DOWNLOAD_CHANNEL, DOWNLOAD_TOPIC, end, {})),
    };
    this.#puller = new ReferencePuller({ options: references, scheduler, wire, failures, end$: this.#end$ });
    this.#codec = new CellCodec(this.fqcn, dialect, this.#puller);
    this.#dispatcher = new RequestDispatcher(this.#codec);
    this.handlerErrors$ = this.#dispatcher.errors.errors$;
    this.#inbound = new InboundStreams(
      streams,
      this.#codec.dialects,
      scheduler,
      (target, topic, headers) => this.#answerStream(target, topic, headers),
      (channel, topic) => streamed.takerOf(channel, topic),
    );
    this.#outbound = new OutboundStreams(this.fqcn, streams, this.#codec.dialects, scheduler, {
      mark,
      send: (target, bytes, options, comesBack) =>
        this.#asker.fire(target, STREAM_CHANNEL, StreamTopic.DATA, bytes, options, comesBack),
      drained: (target) => this.#router.drained(target),
    });
    const streamed = new StreamedMessages(
      this.#codec,
      this.#dispatcher,
      this.#pending,
      this.#outbound,
      this.#keeper,
      new ReplyBudget(streams),
    );
    const parts = {
      router: this.#router,
      pending: this.#pending,
      codec: this.#codec,
      inbound: this.#inbound,
      outbound: this.#outbound,
    };
    this.#asker = new CellAsker({
      ...parts,
      mark,
      keeper: this.#keeper,
      requestTimeoutMs,
      streamAboveBytes: streams.chunkBytes,
    });
    this.#receiver = new CellReceiver({ ...parts, known: this.#known, dispatcher: this.#dispatcher });
    const receiving = registered(communicator, (received) => this.#receiver.receive(received));
    this.#end$.subscribe(() => receiving.unsubscribe());
    const gone$ = neighbourGone(communicator, reconnectGraceMs, scheduler).pipe(takeUntil(this.#end$));
    gone$.subscribe({ next: (name) => this.#lose(name), complete: () => this.#end() });
    const { handlers, running, runningForStreams } = this.#dispatcher;
    // A request that is a stream waits for its neighbour to come back, as reliable streams do.
    const goneForLong$ = neighbourGone(
      communicator,
      Math.max(reconnectGraceMs, streams.idleTimeoutMs),
      scheduler,
      (name) => runningForStreams.has(name),
    );
    goneForLong$.pipe(takeUntil(this.#end$)).subscribe((name) => runningForStreams.cancel(name));
    if (this.#hasEnded.value)
      throw new CommError(CommErrorCode.CLOSED, `cell ${this.fqcn}: its communicator has stopped`);
    handlers.add(CELL_CHANNEL, CellTopic.BYE, ({ origin, neighbour }) => {
      if (origin !== neighbour) return;
      running.cancel(neighbour);
      runningForStreams.cancel(neighbour);
    });
    handlers.add(CELL_CHANNEL, CellTopic.BULK, (bulk) => this.#receiver.unpack(bulk));
    handlers.add(STREAM_CHANNEL, StreamTopic.DATA, (chunk) => this.#receiver.takeChunk(chunk));
    handlers.add(STREAM_CHANNEL, StreamTopic.ACK, (ack) => this.#outbound.receive(ack));
    handlers.add(STREAM_CHANNEL, StreamTopic.ERROR, (error) => this.#outbound.receive(error));
    handlers.add(DOWNLOAD_CHANNEL, SOURCE_FAILURE_TOPIC, (failure) => failures.note(failure));
    if (this.#keeper !== undefined) this.#answerPulls();
  }

  /** The name of the cell, NVFlare's FQCN. */
  get fqcn(): string {
    return this.communicator.localEndpoint.name;
  }

  /** What was dropped so far. */
  get stats(): CellStats {
    return {
      lateReplies: this.#pending.late,
      malformed: this.#receiver.malformed,
      forged: this.#receiver.forged,
      unroutable: this.#router.unroutable,
    };
  }

  /**
   * Puts headers on every message of this cell from now on: requests, replies, chunks of streams and acknowledgements, in
   * place of those of the last call. What it passes on for other cells stays as it is. For what a login gives, see
   * `rxflare/flare`; every cell that is asked anything learns them.
   *
   * @param headers - names that begin with `cn__` belong to cells
   */
  present(headers: MessageHeaders): void {
    this.#router.present(headers);
  }

  /**
   * Asks a cell. Cold: each subscription is a request. Emits the one reply and completes; unsubscribing gives up.
   *
   * Errors with CellError: `timeout`, `invalid_target`, `target_unreachable`; `comm_error` where a cell on the way could not
   * pass it on, the target is a neighbour that disconnects, our own cell is closed, or a queue is full (`code` is
   * `NOT_READY` then); `invalid_request` for a reply that cannot be read; `msg_too_big` and `service_unavailable` for one
   * that is a stream and holds more than may wait; those of `pull` for its arrays; or the return code that the other cell
   * answered with, `process_exception` for one that is not in `ReturnCode`. CommError: `BAD_DATA` for a payload or
   * headers that cannot be sent, `BAD_CONFIG` for an option that is unknown, of the wrong type or out of range.
   */
  request(
    target: string,
    channel: string,
    topic: string,
    payload?: FobsValue,
    options?: RequestOptions,
  ): Observable<CellReply> {
    return this.#asker.askOne({ targets: [target], channel, topic, payload, options, pulls: true });
  }

  /**
   * Asks several cells at once. Cold. Emits the outcome of each as it comes, a reply or an error, and completes after
   * the last. Errors with CommError `BAD_DATA` for a payload or headers that cannot be sent, `BAD_CONFIG` for an option that
   * is unknown, of the wrong type or out of range.
   */
  broadcast(
    targets: Iterable<string>,
    channel: string,
    topic: string,
    payload?: FobsValue,
    options?: RequestOptions,
  ): Observable<Outcome> {
    return this.#asker.askAll({ targets, channel, topic, payload, options, pulls: true });
  }

  /**
   * Sends a message that no reply is expected to.
   *
   * @returns false where the queue of the neighbour on the way is full; the message is accepted all the same
   * @throws CellError `invalid_target`, `target_unreachable`, `comm_error` where our own cell is closed or a queue is at
   * its limit (`code` is `NOT_READY` then); CommError `BAD_DATA` for a payload or headers that cannot be sent,
   * `BAD_CONFIG` for an option that is unknown or of the wrong type
   */
  fire(
    target: string,
    channel: string,
    topic: string,
    payload?: FobsValue,
    options: FireOptions = {},
  ): boolean {
    requireFireOptions(options);
    return this.#asker.fire(target, channel, topic, payload, options);
  }

  /**
   * Registers the handler of a topic of a channel. {@link ANY} as topic stands for those of the channel that have none, and
   * as both for all others. Unsubscribing takes it away.
   *
   * An Observable that it returned is unsubscribed when nobody waits for its value any more: the neighbour that the request
   * came from has disconnected, and is not back within `reconnectGraceMs`, or `idleTimeoutMs` of the streams where the
   * request came as a stream; it says goodbye; or our own cell ends.
   *
   * @throws CommError `BAD_CONFIG` where they have a handler already, and for {@link ANY} as channel alone
   */
  handle(channel: string, topic: string, handler: CellHandler): Subscription {
    return this.#dispatcher.handlers.add(channel, topic, handler);
  }

  /**
   * The requests of a topic as a stream, while it is subscribed. Each waits until it is answered by a call of `reply` or
   * `fail`. While those of one connection that wait hold more than `maxPendingBytes`, reading from it pauses; what expects
   * no reply does not wait, nor does anything once the stream is unsubscribed, though it can still be answered. Completes
   * when the cell ends. Errors with CommError `BAD_CONFIG` where they have a handler already.
   */
  requests(channel: string, topic: string): Observable<OpenRequest> {
    return openRequests(this.#dispatcher.handlers, channel, topic).pipe(takeUntil(this.#end$));
  }

  /**
   * Sends a stream of bytes. Cold: each subscription sends it. Emits how far it is, and completes when all has arrived,
   * or where it is not reliable, when all is sent: see `reliable` and `confirmMs`. Memory is the window and not the
   * stream: the source is asked for more when the receiver has consumed. Unsubscribing aborts it, where it is not reliable
   * until all is sent.
   *
   * Errors with CellError: `comm_error` where the receiver refuses it, our own cell is closed, or, unless it is reliable,
   * a cell on the way cannot pass it on, or the target is a neighbour that disconnects; unless it is reliable, the return
   * code of a cell that does not let it in, such as `unauthenticated`; `timeout` where nothing more is acknowledged for
   * `ackTimeoutMs`; and those of `fire`, where the first chunk cannot be sent, or, unless it is reliable, any. CommError:
   * `CLOSED` where the neighbour on the way goes while its queue is full, unless it is reliable; `BAD_CONFIG` for a bad
   * option; `BAD_DATA` where the source is none, is not of `size` bytes, has something else than bytes, or bytes that were
   * transferred elsewhere; `NOT_READY` where an Observable is too far ahead of the receiver. Else with what the source
   * errors with.
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
   * The streams of a topic of a channel that others send, while it is subscribed; {@link ANY} as for `handle`. The nearest of
   * `streams` and `handle` takes a stream, and of two alike `streams`; replies to our own requests never come here. Each waits
   * to be read. Completes when the cell ends. Errors with CommError `BAD_CONFIG` where another subscription has them.
   */
  streams(channel: string, topic: string): Observable<IncomingStream> {
    return new Observable<IncomingStream>((subscriber) =>
      this.#inbound.handlers.add(channel, topic, (stream) => subscriber.next(stream)),
    ).pipe(takeUntil(this.#end$));
  }

  /**
   * Pulls the arrays that a `RemoteItem` stands for, and all others of its reference, and emits each as it comes: NVFlare
   * keeps them until they have been pulled once. For cells that are `lazy`. Cold; unsubscribing gives up, and says so.
   *
   * Errors with CellError: `service_unavailable` where pulls hold too much or too many go on, `timeout` where it takes too
   * long, `invalid_request` where the other cell has nothing under the reference, or what it sends are no arrays, and those
   * of `request`.
   */
  pull(item: Reference): Observable<PulledItem> {
    return this.#puller.pull(item);
  }

  /**
   * Pulls a file that another cell offers, as NVFlare's `add_file` does, from 2.7 on, and {@link Cell.offerFile}. Hands each
   * chunk to `each`, and asks for the next when what that returned, a promise or an Observable, has completed: so it holds
   * one chunk, 5 MiB as NVFlare sends it. Emits how many bytes it has, and completes when it has all. Cold; unsubscribing
   * gives up, and says so.
   *
   * Errors with what `each` throws, and with CellError as `pull` does; `invalid_request` where another part comes than was
   * asked for, `comm_error` where the other cell, or its parent, tells that it has failed.
   *
   * @param startByte - where to begin, to go on with a file that has come in part; emitted sizes count what is before it.
   * Default: 0.
   * @throws CommError `BAD_CONFIG` where that is no whole number from 0 on
   */
  pullFile(source: PullSource, each: (chunk: Uint8Array) => unknown, startByte = 0): Observable<number> {
    return this.#puller.pullFile(source, each, startByte);
  }

  /**
   * Keeps a file for others to pull while it is subscribed: NVFlare's `download_file`, from 2.7 on, and {@link Cell.pullFile}.
   * Tell them our name and the reference. Emits how each pull ends; completes when the cell ends. Nothing is read before it is
   * asked for, and 5 MiB at a time. Errors with CommError `BAD_CONFIG` where the reference is in use.
   *
   * @param refId - who knows it may pull: take `crypto.randomUUID()`, and in a cluster `replicaMark` before it
   * @param file - a File of a page, or in Node `await openAsBlob(path)`
   */
  offerFile(refId: string, file: Blob): Observable<FilePull> {
    return defer(() => {
      this.#answerPulls();
      return this.#files.offer(refId, file);
    }).pipe(takeUntil(this.#end$));
  }

  /**
   * Says goodbye to the neighbours, as NVFlare does, and ends, as it does when its communicator stops: open requests and
   * streams fail, new ones fail at once with `comm_error`, and nothing is handled any more. Rejects with CommError
   * `BAD_DATA`, and ends all the same, where the headers of `present` are too long for a goodbye.
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
    try {
      await lastValueFrom(bye$, { defaultValue: undefined });
    } finally {
      this.#end();
    }
  }

  /** What goes to a neighbour that has gone, what it was to answer, and what it was sending, fails. */
  #lose(neighbour: string): void {
    this.#known.forget(neighbour);
    // Before the pulls of its requests fail, which is no failure of a handler.
    this.#dispatcher.running.cancel(neighbour);
    this.#pending.lose(neighbour);
    this.#outbound.lose(neighbour);
    this.#inbound.lose(neighbour);
  }

  /** Nothing comes any more. Streams that come are refused before, since the cell sends nothing after. */
  #end(): void {
    if (this.#hasEnded.value) return;
    this.#inbound.stop();
    this.#router.close();
    this.#receiver.stop();
    // Before the pulls of requests fail, as in `#lose`.
    this.#dispatcher.stop();
    this.#hasEnded.next(true);
    this.#outbound.stop();
    this.#pending.close();
    this.#keeper?.stop();
  }

  #pullStep(target: string, step: FobsValue, timeoutMs: number, stream: boolean): Observable<FobsValue> {
    const options = { timeoutMs, stream };
    const place = { channel: DOWNLOAD_CHANNEL, topic: DOWNLOAD_TOPIC };
    const reply$ = this.#asker.askOne({ targets: [target], ...place, payload: step, options, pulls: false });
    return reply$.pipe(map(({ payload }) => payload));
  }

  #answerPulls(): void {
    if (this.#isPullable) return;
    this.#dispatcher.handlers.add(DOWNLOAD_CHANNEL, DOWNLOAD_TOPIC, (step) => {
      const answer = this.#files.answer(step);
      if (answer !== undefined) return answer.reply;
      if (this.#keeper === undefined) throw nothingKept();
      return this.#keeper.answer(step);
    });
    this.#isPullable = true;
  }

  /** An acknowledgement or a refusal that is lost is sent again, or the stream times out. */
  #answerStream(target: string, topic: string, headers: MessageHeaders): void {
    this.#try(() => this.#asker.fire(target, STREAM_CHANNEL, topic, undefined, { headers, optional: true }));
  }

  #try(send: () => unknown): void {
    try {
      send();
    } catch (thrown) {
      log('cannot answer: %s', CommError.from(thrown).message);
    }
  }
}

/** @throws CommError `BAD_CONFIG` where app ID 1 has a receiver already */
function registered(
  communicator: Communicator,
  receive: (received: ReceivedMessage) => unknown,
): Subscription {
  try {
    return communicator.registerMessageReceiver(CELL_APP_ID, receive);
  } catch (thrown) {
    const cause = CommError.from(thrown);
    if (cause.code !== CommErrorCode.BAD_CONFIG) throw cause;
    const text = `app ID ${CELL_APP_ID} of ${communicator.localEndpoint.name} has a receiver already`;
    throw new CommError(cause.code, `${text}: make one Cell per communicator, for all channels`, { cause });
  }
}
