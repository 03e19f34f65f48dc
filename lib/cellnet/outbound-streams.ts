import { concat, defer, EMPTY, finalize, type Observable, type SchedulerLike, Subject } from 'rxjs';

import type { MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import { CellError, closedError } from './cell-error.js';
import type { CellRequest } from './cell-message.js';
import { OutboundStream, type StreamProgress } from './outbound-stream.js';
import { maySpeakFor } from './next-leg.js';
import type { PeerDialects } from './peer-dialects.js';
import { ReturnCode } from './return-code.js';
import { countOf, StreamHeader, streamErrorOf, streamIdOf } from './stream-headers.js';
import type { StreamOptions } from './stream-options.js';
import { feedOf, sizeOf, type StreamSource } from './stream-source.js';

/** How one stream is sent. */
export interface SendStreamOptions {
  /** Headers of the application, which all chunks carry; names that begin with `cn__` or `sm__` belong to cells. */
  readonly headers?: MessageHeaders;
  /** Bytes in all. Default: those of bytes and Blobs, and else unknown. A source of another size makes it fail. */
  readonly size?: number;
  /**
   * Lost chunks are sent again, and it completes when all has arrived. NVFlare up to 2.8 cannot do that: it completes when
   * all is sent. Default: whether the target is known to be able to, from what it sent.
   */
  readonly reliable?: boolean;
  /**
   * How long a stream that is not `reliable` waits at its end for the target to acknowledge all of it, or to refuse it, in
   * milliseconds. NVFlare up to 2.8 acknowledges no end: then it completes after this time all the same. Default: 0.
   */
  readonly confirmMs?: number;
  /** Cells on the way do not warn where they cannot pass it on. Default: false. */
  readonly optional?: boolean;
}

/** What streams need of a cell. */
export interface StreamWire {
  /** @throws CellError where it cannot be sent @returns false to wait for `drained` */
  send(target: string, headers: MessageHeaders, bytes: Uint8Array | undefined, optional: boolean): boolean;
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
    // As NVFlare's: microseconds. Up to 2.8 a receiver tells the streams of different senders apart by this alone.
    this.#nextId = scheduler.now() * 1_000 + Math.floor(Math.random() * 1_000_000);
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
    { headers, size = sizeOf(source), reliable, confirmMs = 0, optional = false }: SendStreamOptions = {},
    lingers = false,
  ): Observable<StreamProgress> {
    return defer(() => {
      if (this.#isStopped) throw closedError(target);
      const id = this.#nextId++;
      const isReliable = reliable ?? this.#dialects.of(target).reliable === true;
      const stream = new OutboundStream({
        target,
        headers: {
          ...headers,
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
        confirmMs,
        options: this.#options,
        scheduler: this.#scheduler,
        send: (all, bytes) => this.#wire.send(target, all, bytes, optional),
        drained: () => this.#wire.drained(target),
      });
      const late = new Subject<never>();
      this.#streams.set(String(id), { target, stream, late });
      return concat(stream.run(), lingers ? late : EMPTY).pipe(
        finalize(() => this.#streams.delete(String(id))),
      );
    });
  }

  /** Gives up all, and takes no more. */
  stop(): void {
    this.#isStopped = true;
    for (const { target, stream, late } of this.#streams.values()) {
      stream.refuse(closedError(target));
      late.error(closedError(target));
    }
  }

  /** Takes an acknowledgement or a refusal. */
  receive({ headers, origin }: CellRequest): void {
    const entry = this.#streams.get(streamIdOf(headers) ?? '');
    if (entry === undefined) return;
    const { target, stream } = entry;
    const error = streamErrorOf(headers);
    // A cell on the way may say that it cannot pass a chunk on.
    const isOnTheWay =
      headers[StreamHeader.FAILED_DESTINATION] === target && maySpeakFor(this.#self, origin, target);
    if (origin !== target && (error === undefined || !isOnTheWay)) return;
    if (error !== undefined) {
      refuse(entry, `refused: ${quoted(error)}`);
      return;
    }
    const sequence = countOf(headers[StreamHeader.SEQUENCE]);
    if (sequence !== undefined) this.#dialects.learn(target, { reliable: true });
    stream.acknowledge(countOf(headers[StreamHeader.OFFSET]) ?? 0, sequence);
  }
}

function refuse({ target, stream, late }: Entry, text: string): void {
  const error = new CellError(ReturnCode.COMM_ERROR, `stream to ${target}: ${text}`, target);
  stream.refuse(error);
  late.error(error);
}
