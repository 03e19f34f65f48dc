import { type SchedulerLike, Subscription, timer } from 'rxjs';

import { clockOf } from '../clock-of.js';
import { isBytes } from '../is-bytes.js';
import { logger } from '../log.js';
import type { MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import type { CellRequest } from './cell-message.js';
import { FairMap, type Shares } from './fair-map.js';
import { HandlerTable } from './handler-table.js';
import { type InboundHost, InboundStream } from './inbound-stream.js';
import { textHeader } from './headers.js';
import type { PeerDialects } from './peer-dialects.js';
import { ReturnCode } from './return-code.js';
import {
  DataType,
  NO_RECEIVER,
  StreamHeader,
  streamErrorOf,
  streamIdOf,
  StreamTopic,
} from './stream-headers.js';
import type { StreamOptions } from './stream-options.js';

const log = logger('cellnet');

/** How long a chunk may be on its way. */
const ON_ITS_WAY_MS = 5_000;
/** For how long chunks of a stream that is over may come at least: NVFlare 2.9 sends again for 60 s. */
const MIN_REMEMBERED_MS = 60_000 + ON_ITS_WAY_MS;
/** And at most, however long its sender would try: a day. */
const MAX_REMEMBERED_MS = 86_400_000;
/** How many streams that are over are remembered. */
const REMEMBERED: Shares = { maxOwned: 10_000, maxEntries: 30_000 };
/** A longer text of a sender is not remembered. */
const MAX_REMEMBERED_LENGTH = 256;

/** A stream that is over. */
interface Finished {
  readonly untilMs: number;
  /** Answers a sender that asks again. */
  readonly answer: (() => void) | undefined;
}

/** Sends an acknowledgement or a refusal. It never throws. */
export type StreamAnswer = (target: string, topic: string, headers: MessageHeaders) => void;

/** Takes a new stream, before its first chunk. */
export type StreamTaker = (stream: InboundStream) => void;

/** Takes streams without a handler of streams that is as near: see `distance` of {@link HandlerTable}. */
export interface OtherTaker {
  readonly take: StreamTaker;
  /** How far it is from the topic; -1 where no handler of streams is as near. */
  readonly distance: number;
}

/** The streams that others send to us. */
export class InboundStreams implements InboundHost {
  readonly maxUnreadBytes: number;
  /** Who takes the streams of a topic of a channel. */
  readonly handlers = new HandlerTable<StreamTaker>();

  readonly #options: Required<StreamOptions>;
  readonly #dialects: PeerDialects;
  readonly #scheduler: SchedulerLike;
  readonly #now: () => number;
  readonly #answer: StreamAnswer;
  readonly #otherwise: (channel: string, topic: string) => OtherTaker | undefined;
  readonly #streams = new Map<string, InboundStream>();
  /** How many each neighbour has. */
  readonly #counts = new Map<string, number>();
  readonly #finished = new FairMap<Finished>(REMEMBERED);
  #heldBytes = 0;
  #sweeping = Subscription.EMPTY;
  #isStopped = false;

  /** @param otherwise - who takes those that no handler of streams is as near to */
  constructor(
    options: Required<StreamOptions>,
    dialects: PeerDialects,
    scheduler: SchedulerLike,
    answer: StreamAnswer,
    otherwise: (channel: string, topic: string) => OtherTaker | undefined,
  ) {
    this.maxUnreadBytes = options.maxUnreadBytes;
    this.#options = options;
    this.#dialects = dialects;
    this.#scheduler = scheduler;
    this.#now = clockOf(scheduler);
    this.#answer = answer;
    this.#otherwise = otherwise;
  }

  /** Takes a message of a stream. @returns false where it is of none */
  receive(request: CellRequest): boolean {
    const { headers, origin, payload } = request;
    const id = streamIdOf(headers);
    if (id === undefined) return false;
    const key = streamKey(origin, id);
    const finished = this.#finished.get(key);
    if (finished !== undefined) {
      finished.answer?.();
      return true;
    }
    const error = streamErrorOf(headers);
    const known = this.#streams.get(key);
    if (error !== undefined) {
      known?.lose(`its sender aborted it: ${quoted(error)}`);
      return true;
    }
    const stream = known ?? this.#begin(key, request);
    const bytes = isBytes(payload) ? payload : undefined;
    const isNew = stream?.take(headers, bytes) ?? true;
    if (!isNew && stream?.isReliable === true) this.acknowledge(stream);
    return true;
  }

  acknowledge(stream: InboundStream): void {
    this.#acknowledger(stream)();
  }

  close(stream: InboundStream, refusal?: string): void {
    const key = streamKey(stream.origin, streamIdOf(stream.headers));
    this.#streams.delete(key);
    this.#count(stream.neighbour, -1);
    this.#remember(key, stream, refusal);
  }

  hold(bytes: number): boolean {
    this.#heldBytes += bytes;
    return this.#heldBytes <= this.#options.maxHeldBytes;
  }

  /** Gives up what a neighbour was sending, which has gone; but for reliable streams, which may go on when it is back. */
  lose(neighbour: string): void {
    for (const stream of this.#streams.values()) {
      if (stream.neighbour === neighbour && !stream.isReliable)
        stream.lose(`${quoted(neighbour)} disconnected before it was whole`);
    }
  }

  /** Gives up all, and takes no more. */
  stop(): void {
    this.#isStopped = true;
    for (const stream of this.#streams.values())
      stream.fail(ReturnCode.COMM_ERROR, 'our own cell is closed', 'closed');
    this.#sweeping.unsubscribe();
    this.#finished.clear();
  }

  #begin(key: string, request: CellRequest): InboundStream | undefined {
    const stream = new InboundStream(request, this);
    const { channel, topic, neighbour, origin } = stream;
    if (stream.isModern) this.#dialects.learn(origin, { reliable: true }, neighbour);
    const take = this.#takerOf(channel, topic);
    const isCrowded = (this.#counts.get(neighbour) ?? 0) >= this.#options.maxStreamsPerNeighbour;
    if (take === undefined || isCrowded) {
      this.#remember(
        key,
        stream,
        isCrowded ? 'too many open streams' : `${NO_RECEIVER} ${short(channel)}/${short(topic)}`,
      );
      return undefined;
    }
    this.#streams.set(key, stream);
    this.#count(neighbour, 1);
    this.#sweep();
    take(stream);
    return stream;
  }

  /** The nearest; of two alike, the handler of streams. */
  #takerOf(channel: string, topic: string): StreamTaker | undefined {
    const other = this.#otherwise(channel, topic);
    const isNearer = other !== undefined && other.distance < this.handlers.distance(channel, topic);
    return isNearer ? other.take : this.handlers.find(channel, topic);
  }

  /** Remembers that a stream is over, since more of it may come, and tells its sender where that does not know. */
  #remember(key: string, stream: InboundStream, refusal: string | undefined): void {
    const answer = refusal === undefined ? this.#acknowledger(stream) : this.#refuser(stream, refusal);
    if (refusal !== undefined) {
      log('a stream of %s is over: %s', quoted(stream.origin), quoted(refusal));
      answer();
    }
    const mayComeMs = Math.max(MIN_REMEMBERED_MS, stream.retryTimeoutMs + ON_ITS_WAY_MS);
    const untilMs = this.#now() + Math.min(mayComeMs, MAX_REMEMBERED_MS);
    this.#finished.set(key, { untilMs, answer: stream.isReliable ? answer : undefined }, stream.neighbour);
    this.#sweep();
  }

  #acknowledger({ origin, headers, position }: InboundStream): () => void {
    const { offset, sequence } = position;
    const all = {
      [StreamHeader.ID]: headers[StreamHeader.ID],
      [StreamHeader.DATA_TYPE]: DataType.ACK,
      [StreamHeader.OFFSET]: offset,
      [StreamHeader.SEQUENCE]: sequence,
    };
    return () => this.#answer(origin, StreamTopic.ACK, all);
  }

  /** Earlier releases than 2.9 have no ERROR, and log one where it comes. */
  #refuser({ origin, headers, channel, topic, isModern }: InboundStream, refusal: string): () => void {
    const all = {
      [StreamHeader.ID]: headers[StreamHeader.ID],
      [StreamHeader.DATA_TYPE]: DataType.ERROR,
      [StreamHeader.ERROR]: refusal,
      [StreamHeader.ERROR_TYPE]: 'StreamError',
      [StreamHeader.CHANNEL]: short(channel),
      [StreamHeader.TOPIC]: short(topic),
      [StreamHeader.REQUEST_ID]: short(textHeader(headers, StreamHeader.REQUEST_ID)),
    };
    return () => {
      if (isModern) this.#answer(origin, StreamTopic.ERROR, all);
      this.#answer(origin, StreamTopic.ACK, all);
    };
  }

  #count(neighbour: string, change: 1 | -1): void {
    const count = (this.#counts.get(neighbour) ?? 0) + change;
    if (count === 0) this.#counts.delete(neighbour);
    else this.#counts.set(neighbour, count);
  }

  /** Looks at all streams from time to time, while any of them may fall silent. */
  #sweep(): void {
    if (this.#isStopped || !this.#sweeping.closed) return;
    const periodMs = this.#options.idleTimeoutMs / 2;
    this.#sweeping = timer(periodMs, periodMs, this.#scheduler).subscribe(() => {
      let isNeeded = false;
      for (const stream of this.#streams.values()) isNeeded = stream.sweep() || isNeeded;
      this.#forget();
      if (!isNeeded && this.#finished.size === 0) this.#sweeping.unsubscribe();
    });
  }

  #forget(): void {
    const now = this.#now();
    for (const [key, { untilMs }] of this.#finished) if (untilMs <= now) this.#finished.delete(key);
  }
}

function streamKey(origin: string, id: string | undefined): string {
  return `${origin}\n${id}`;
}

/** The text, or nothing where it is long: a part of it would retain the whole. */
function short(text: string): string {
  return text.length > MAX_REMEMBERED_LENGTH ? '' : text;
}
