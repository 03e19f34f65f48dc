import { concat, defer, EMPTY, finalize, type Observable, type SchedulerLike, Subject } from 'rxjs';

import type { MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import { requireOptions } from '../require-options.js';
import { CellError, closedError } from './cell-error.js';
import type { CellRequest } from './cell-message.js';
import type { FireOptions } from './cell-options.js';
import { type CellHeaders, Header, MessageType, requestIds } from './headers.js';
import { failureOf, originalHeaders } from './message-headers.js';
import { OutboundStream, type StreamProgress } from './outbound-stream.js';
import { maySpeakFor } from './next-hop.js';
import type { PeerDialects } from './peer-dialects.js';
import { ReturnCode } from './return-code.js';
import { countOf, STREAM_CHANNEL, StreamHeader, streamErrorOf, streamIdOf } from './stream-headers.js';
import type { StreamOptions } from './stream-options.js';
import { feedOf, sizeOfSource, type StreamSource } from './stream-source.js';

/** How one stream is sent. */
export interface SendStreamOptions {
  /** Headers of the application, which all chunks carry; names that begin with `cn__` or `sm__` belong to cells. */
  readonly headers?: MessageHeaders;
  /**
   * Bytes in all. Default: those of bytes and Blobs, and else unknown. Range: 0 to 2^53 - 1. An integer. A source of another
   * size makes it fail.
   */
  readonly size?: number;
  /**
   * Lost chunks are sent again, and it completes when all has arrived. NVFlare up to 2.8 cannot do that: it completes when
   * all is sent. Default: whether the target is known to be able to, from what it sent.
   */
  readonly reliable?: boolean;
  /**
   * How long a stream that is not `reliable` waits at its end for the target to acknowledge all of it, or to hear that the
   * target refuses it or that no way leads there, in milliseconds. Default: 0. Range: 0 to 2^31 - 1. NVFlare up to 2.8
   * acknowledges no end: then it completes after this time all the same.
   */
  readonly confirmMs?: number;
  /** Cells of NVFlare on the way do not log where they cannot pass it on. Default: false. */
  readonly optional?: boolean;
}

/** What each option looks like; none is a default. */
const SHAPES: Required<SendStreamOptions> = {
  headers: {},
  size: 0,
  reliable: false,
  confirmMs: 0,
  optional: false,
};

/** What streams need of a cell. */
export interface StreamWire {
  /** What the IDs of chunks begin with, for what answers one. */
  readonly mark: string;
  /**
   * @param comesBack - a cell that cannot pass it on sends it back
   * @returns false to wait for `drained`
   * @throws CellError where it cannot be sent
   */
  send(target: string, bytes: Uint8Array | undefined, options: FireOptions, comesBack: boolean): boolean;
  /** Emits when `send` to this cell takes more. */
  drained(target: string): Observable<void>;
}

interface Entry {
  readonly target: string;
  readonly stream: OutboundStream;
  /** What comes after all was sent. */
  readonly late: Subject<never>;
}

/** The streams that we send. */
export class OutboundStreams {
  readonly #self: string;
  readonly #options: Required<StreamOptions>;
  readonly #dialects: PeerDialects;
  readonly #scheduler: SchedulerLike;
  readonly #wire: StreamWire;
  readonly #streams = new Map<string, Entry>();
  #nextId: number;
  #isStopped = false;

  constructor(
    self: string,
    options: Required<StreamOptions>,
    dialects: PeerDialects,
    scheduler: SchedulerLike,
    wire: StreamWire,
  ) {
    this.#self = self;
    this.#options = options;
    this.#dialects = dialects;
    this.#scheduler = scheduler;
    this.#wire = wire;
    // Up to 2.8 a receiver tells the streams of different senders apart by this alone, and the replicas of a hub always.
    this.#nextId = Math.floor(Math.random() * 2 ** 52);
  }

  /**
   * Sends a stream. Cold.
   *
   * @param lingers - it does not complete, so that it learns of a refusal after all was sent
   */
  send(
    target: string,
    channel: string,
    topic: string,
    source: StreamSource,
    given: SendStreamOptions = {},
    lingers = false,
  ): Observable<StreamProgress> {
    return defer(() => {
      requireOptions(given, SHAPES, 'a stream', { size: [0, Number.MAX_SAFE_INTEGER, 'integer'] });
      if (this.#isStopped) throw closedError(target);
      const { headers, size = sizeOfSource(source), reliable, confirmMs = 0, optional = false } = given;
      const id = this.#nextId++;
      const isReliable = reliable ?? this.#dialects.of(target).reliable === true;
      const stream = new OutboundStream({
        target,
        headers: {
          ...headers,
          // NVFlare names it where it sends a chunk back.
          [Header.REQ_ID]: isReliable ? undefined : `${this.#wire.mark}${id}`,
          [StreamHeader.ID]: id,
          [StreamHeader.CHANNEL]: channel,
          [StreamHeader.TOPIC]: topic,
          [StreamHeader.SIZE]: size ?? 0,
          [StreamHeader.OPTIONAL]: optional,
          [StreamHeader.RELIABLE]: isReliable,
          [StreamHeader.CHUNK_BYTES]: this.#options.chunkBytes,
          [StreamHeader.WINDOW_BYTES]: this.#options.windowBytes,
        },
        feed: feedOf(source),
        size,
        isReliable,
        // NVFlare 2.4 to 2.6 takes a lock twice then, and no stream of any cell moves there any more.
        acceptsAbort: () => this.#dialects.of(target).fobs !== '2.4',
        confirmMs,
        options: this.#options,
        scheduler: this.#scheduler,
        send: (all, bytes) => this.#wire.send(target, bytes, { headers: all, optional }, !isReliable),
        drained: () => this.#wire.drained(target),
      });
      const late = new Subject<never>();
      this.#streams.set(String(id), { target, stream, late });
      return concat(stream.run(), lingers ? late : EMPTY).pipe(
        finalize(() => this.#streams.delete(String(id))),
      );
    });
  }

  /** Gives up what is not reliable and on its way to a neighbour that has gone. */
  lose(neighbour: string): void {
    for (const { target, stream } of this.#streams.values()) if (target === neighbour) stream.lose();
  }

  /** Gives up all, and takes no more. */
  stop(): void {
    this.#isStopped = true;
    for (const { target, stream, late } of this.#streams.values()) {
      stream.refuse(closedError(target));
      late.error(closedError(target));
    }
  }

  /**
   * Takes what a chunk comes back with: a cell on the way could not pass it on, or one did not let it in. What takes it
   * answers nothing.
   *
   * @returns false where it is none of a chunk
   */
  takeBack(target: string, headers: CellHeaders): boolean {
    const isReturned = headers.cn__msg_type === MessageType.RETURN;
    const chunk = isReturned ? originalHeaders(headers) : headers;
    if (chunk?.[Header.CHANNEL] !== STREAM_CHANNEL) return false;
    const [id = ''] = requestIds(chunk);
    const entry = this.#streams.get(id.slice(this.#wire.mark.length));
    if (entry?.target !== target || headers[Header.RETURN_CODE] === ReturnCode.OK) return true;
    const { returnCode, message, reason } = failureOf(headers, target, 'stream');
    const isOfTarget = headers.cn__origin === target;
    refuse(entry, new CellError(returnCode, message, target, isOfTarget ? { reason } : undefined));
    return true;
  }

  /** Takes an acknowledgement or a refusal. */
  receive({ headers, origin, neighbour }: CellRequest): void {
    const entry = this.#streams.get(streamIdOf(headers) ?? '');
    if (entry === undefined) return;
    const { target, stream } = entry;
    const error = streamErrorOf(headers);
    // A cell on the way may say that it cannot pass a chunk on.
    const isOnTheWay =
      headers[StreamHeader.FAILED_DESTINATION] === target && maySpeakFor(this.#self, origin, target);
    if (origin !== target && (error === undefined || !isOnTheWay)) return;
    if (error !== undefined) {
      const isOfTarget = origin === target;
      const who = isOfTarget ? 'refused: ' : `${origin} on the way to it answered comm_error, `;
      const text = `stream to ${target}: ${who}${quoted(error)}`;
      const reason = isOfTarget ? error : undefined;
      refuse(entry, new CellError(ReturnCode.COMM_ERROR, text, target, { reason }));
      return;
    }
    const sequence = countOf(headers[StreamHeader.SEQUENCE]);
    if (sequence !== undefined) this.#dialects.learn(target, { reliable: true }, neighbour);
    stream.acknowledge(countOf(headers[StreamHeader.OFFSET]) ?? 0, sequence);
  }
}

function refuse({ stream, late }: Entry, error: CellError): void {
  stream.refuse(error);
  late.error(error);
}
