import {
  catchError,
  defer,
  EMPTY,
  endWith,
  finalize,
  ignoreElements,
  interval,
  merge,
  type Observable,
  type SchedulerLike,
  Subject,
  switchMap,
  takeUntil,
  tap,
  timer,
} from 'rxjs';

import { clockOf } from '../clock-of.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { isBytes } from '../is-bytes.js';
import type { MessageHeaders } from '../message.js';
import { Chunker } from './chunker.js';
import { CellError } from './cell-error.js';
import { ReturnCode } from './return-code.js';
import { DataType, StreamHeader } from './stream-headers.js';
import type { StreamOptions } from './stream-options.js';
import type { Feed } from './stream-source.js';

/** How far a stream is. */
export interface StreamProgress {
  /** Bytes that were handed to the connection. */
  readonly sentBytes: number;
  /** Bytes that the receiver says it has consumed; all of them once a reliable stream has arrived whole. */
  readonly acknowledgedBytes: number;
  /** Bytes in all; `undefined` where the source does not tell. */
  readonly size: number | undefined;
}

/** What an outgoing stream is made of. */
export interface OutboundParts {
  readonly target: string;
  /** Of each chunk: those of the application, and the constant ones of the stream. */
  readonly headers: MessageHeaders;
  readonly feed: Feed;
  readonly size: number | undefined;
  /** Lost chunks are sent again. */
  readonly isReliable: boolean;
  /** Whether the target may be told that nothing follows. */
  acceptsAbort(): boolean;
  /** How long one that is not reliable waits at its end to be acknowledged, in milliseconds. */
  readonly confirmMs: number;
  readonly options: Required<StreamOptions>;
  readonly scheduler: SchedulerLike;
  /**
   * Sends one message of the stream.
   *
   * @returns false to wait for `drained` before the next
   * @throws CellError where it cannot be sent
   */
  send(headers: MessageHeaders, bytes?: Uint8Array): boolean;
  /** Emits when `send` takes more. */
  drained(): Observable<void>;
}

interface Sent {
  readonly headers: MessageHeaders;
  readonly bytes: Uint8Array;
  atMs: number;
  /** After how long it is sent again: twice as long each time, so that who acknowledges nothing costs little. */
  retryMs: number;
}

/** No piece that was not asked for is taken while more waits to be sent. */
const MAX_AHEAD_BYTES = 64 * 1024 ** 2;

/** One stream that we send: asks its source for what there is room for, in the window and in the connection. */
export class OutboundStream {
  readonly #parts: OutboundParts;
  readonly #now: () => number;
  readonly #chunker: Chunker;
  readonly #demand = new Subject<void>();
  readonly #full = new Subject<void>();
  readonly #allSent = new Subject<void>();
  readonly #progress = new Subject<StreamProgress>();
  /** Chunks of a reliable stream that the receiver may not have. */
  readonly #unconfirmed = new Map<number, Sent>();
  #sequence = 0;
  #sentBytes = 0;
  #acknowledgedBytes = 0;
  #progressAtMs: number;
  #isAsked = false;
  #isFull = false;
  /** The connection took a chunk. */
  #hasLeft = false;
  #isPumping = false;
  #sourceEnded = false;
  /** Nothing more is expected of the receiver once all is sent. */
  #isConfirmed: boolean;
  #state: 'sending' | 'sent' | 'over' = 'sending';

  constructor(parts: OutboundParts) {
    this.#parts = parts;
    this.#chunker = new Chunker(parts.options.chunkBytes);
    this.#now = clockOf(parts.scheduler);
    this.#progressAtMs = this.#now();
    this.#isConfirmed = parts.isReliable || parts.confirmMs === 0;
  }

  /** Sends the stream. Unsubscribing aborts it, but for one that is not reliable and is sent. */
  run(): Observable<StreamProgress> {
    const { feed, options, scheduler, confirmMs } = this.#parts;
    const over$ = this.#progress.pipe(ignoreElements(), endWith(undefined));
    const fed$ = feed(this.#demand).pipe(
      tap({ next: (piece) => this.#feed(piece), complete: () => this.#endSource() }),
    );
    const drained$ = this.#full.pipe(
      switchMap(() => this.#drained()),
      tap(() => {
        this.#isFull = false;
        this.#pump();
      }),
    );
    const confirmed$ = this.#allSent.pipe(
      switchMap(() => timer(confirmMs, scheduler)),
      tap(() => this.#confirm()),
    );
    const watched$ = interval(Math.min(options.retryMs, options.ackTimeoutMs), scheduler).pipe(
      tap(() => this.#watch()),
    );
    const started$ = defer(() => {
      this.#pump();
      return EMPTY;
    });
    const work$ = merge(drained$, confirmed$, watched$, fed$, started$).pipe(
      ignoreElements(),
      takeUntil(over$),
    );
    return merge(this.#progress, work$).pipe(
      tap({ error: () => this.#abort('the sender failed') }),
      finalize(() => this.#abort('cancelled by the sender')),
    );
  }

  /** A neighbour that has gone ends no reliable stream: what is lost is sent again, when one leads there. */
  #drained(): Observable<void> {
    const drained$ = this.#parts.drained();
    if (!this.#parts.isReliable) return drained$;
    return drained$.pipe(
      catchError(() => {
        this.#isFull = false;
        return EMPTY;
      }),
    );
  }

  /** The receiver has consumed `offset` bytes, and has all chunks up to `sequence`. */
  acknowledge(offset: number, sequence: number | undefined): void {
    if (this.#state === 'over') return;
    const isConfirming = this.#confirmUpTo(sequence);
    const consumed = Math.min(offset, this.#sentBytes);
    const isFurther = consumed > this.#acknowledgedBytes;
    if (isFurther) this.#acknowledgedBytes = consumed;
    // Bytes are no progress while chunks are missing: one that acknowledges them one by one would hold those for ever.
    if (isConfirming || (isFurther && this.#unconfirmed.size === 0)) this.#progressAtMs = this.#now();
    if (isConfirming || isFurther) this.#tell();
    if (this.#state === 'sent' && offset >= this.#sentBytes) this.#confirm();
    else this.#pump();
  }

  /** @returns whether there were chunks to be confirmed */
  #confirmUpTo(sequence = -1): boolean {
    const before = this.#unconfirmed.size;
    for (const sent of this.#unconfirmed.keys()) {
      if (sent > sequence) break;
      this.#unconfirmed.delete(sent);
    }
    return this.#unconfirmed.size < before;
  }

  #confirm(): void {
    this.#isConfirmed = true;
    this.#pump();
  }

  /** The neighbour that it goes to has gone: nothing that is lost of a stream that is not reliable is sent again. */
  lose(): void {
    const { isReliable, target } = this.#parts;
    if (isReliable || this.#state !== 'sending') return;
    this.refuse(new CellError(ReturnCode.COMM_ERROR, `${this.#name}: the target disconnected`, target));
  }

  /** The receiver does not want it. */
  refuse(error: CellError): void {
    if (this.#state === 'over') return;
    this.#become('over');
    this.#progress.error(error);
  }

  #become(state: 'sent' | 'over'): void {
    this.#state = state;
  }

  #feed(piece: Uint8Array): void {
    if (!isBytes(piece))
      throw new CommError(CommErrorCode.BAD_DATA, `${this.#name}: a piece of the source is no Uint8Array`);
    if (!this.#isAsked && this.#chunker.bytes > MAX_AHEAD_BYTES) {
      const detail = `an Observable cannot be paused, and ${this.#chunker.bytes} bytes of it wait to be sent`;
      throw new CommError(CommErrorCode.NOT_READY, `${this.#name}: ${detail}`);
    }
    this.#isAsked = false;
    this.#chunker.push(piece);
    this.#pump();
  }

  #endSource(): void {
    this.#sourceEnded = true;
    this.#pump();
  }

  /** Sends what there is, while there is room, and asks for more. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      this.#sendWhatThereIs();
    } catch (error) {
      this.#progress.error(CommError.from(error));
    } finally {
      this.#isPumping = false;
    }
    if (this.#state === 'sent' && this.#unconfirmed.size === 0 && this.#isConfirmed) {
      this.#become('over');
      this.#progress.complete();
    }
  }

  #sendWhatThereIs(): void {
    while (this.#state === 'sending' && this.#hasRoom()) {
      const chunk = this.#chunker.take(this.#sourceEnded);
      if (chunk !== undefined) this.#send(chunk.bytes, chunk.isFinal);
      else if (this.#isAsked || this.#sourceEnded) break;
      else {
        this.#isAsked = true;
        this.#demand.next();
      }
    }
  }

  #hasRoom(): boolean {
    return !this.#isFull && this.#sentBytes - this.#acknowledgedBytes <= this.#parts.options.windowBytes;
  }

  #send(bytes: Uint8Array, isFinal: boolean): void {
    const { headers, isReliable, options, size } = this.#parts;
    const end = this.#sentBytes + bytes.length;
    if (size !== undefined && (end > size || (isFinal && end < size))) {
      const error = new CommError(
        CommErrorCode.BAD_DATA,
        `${this.#name}: the source has ${end} of ${size} bytes`,
      );
      this.#progress.error(error);
      return;
    }
    const all: MessageHeaders = {
      ...headers,
      ...(this.#sequence === 0 ? this.#firstHeaders() : {}),
      [StreamHeader.DATA_TYPE]: isFinal ? DataType.FINAL : DataType.CHUNK,
      [StreamHeader.SEQUENCE]: this.#sequence,
      [StreamHeader.OFFSET]: this.#sentBytes,
    };
    if (this.#hasAllAcknowledged()) this.#progressAtMs = this.#now();
    const { retryMs } = options;
    if (isReliable)
      this.#unconfirmed.set(this.#sequence, { headers: all, bytes, atMs: this.#now(), retryMs });
    this.#sequence += 1;
    this.#sentBytes = end;
    if (isFinal) this.#become('sent');
    this.#transmit(all, bytes);
    this.#tell();
    if (isFinal && !this.#isConfirmed) this.#allSent.next();
  }

  #hasAllAcknowledged(): boolean {
    return this.#acknowledgedBytes === this.#sentBytes && this.#unconfirmed.size === 0;
  }

  /** @returns whether the connection took it */
  #transmit(headers: MessageHeaders, bytes: Uint8Array): boolean {
    try {
      const hasRoom = this.#parts.send(headers, bytes);
      this.#hasLeft = true;
      if (hasRoom) return true;
      this.#isFull = true;
      this.#full.next();
      return true;
    } catch (error) {
      // What is lost on the way is sent again; where nothing has ever left, no way leads there.
      if (!this.#parts.isReliable || !this.#hasLeft) this.#progress.error(CommError.from(error));
      return false;
    }
  }

  #firstHeaders(): MessageHeaders {
    const { isReliable, options } = this.#parts;
    const acknowledgeEvery = Math.max(1, Math.floor(options.windowBytes / 4));
    // Python reads both as floats; an integral number would be an integer, which it takes as well.
    const retry = {
      [StreamHeader.RETRY_WAIT]: options.retryMs / 1_000,
      [StreamHeader.RETRY_TIMEOUT]: options.ackTimeoutMs / 1_000,
    };
    return { [StreamHeader.ACK_BYTES]: acknowledgeEvery, ...(isReliable ? retry : {}) };
  }

  /** Gives up where the receiver is silent for too long, and sends again what a reliable stream may have lost. */
  #watch(): void {
    const { options } = this.#parts;
    const now = this.#now();
    const isWaiting = this.#unconfirmed.size > 0 || (this.#state === 'sending' && !this.#hasRoom());
    if (!isWaiting) this.#progressAtMs = now;
    else if (now - this.#progressAtMs >= options.ackTimeoutMs) {
      const text = `${this.#name}: no acknowledgement came within ${options.ackTimeoutMs} ms`;
      throw new CellError(ReturnCode.TIMEOUT, text, this.#parts.target);
    }
    for (const sent of this.#unconfirmed.values()) {
      if (this.#isFull) break;
      if (now - sent.atMs < sent.retryMs) continue;
      sent.atMs = now;
      if (this.#transmit(sent.headers, sent.bytes)) sent.retryMs *= 2;
    }
    this.#pump();
  }

  #tell(): void {
    this.#progress.next({
      sentBytes: this.#sentBytes,
      acknowledgedBytes: this.#acknowledgedBytes,
      size: this.#parts.size,
    });
  }

  get #name(): string {
    return `stream to ${this.#parts.target}`;
  }

  /**
   * Tells the receiver that nothing follows, unless it does not want the stream, or all is sent and nothing is sent again:
   * NVFlare may take an abort before the chunks that it follows.
   */
  #abort(reason: string): void {
    if (this.#state === 'over') return;
    const { headers, isReliable } = this.#parts;
    const isSentForGood = this.#state === 'sent' && !isReliable;
    this.#become('over');
    if (isSentForGood || !this.#parts.acceptsAbort()) return;
    try {
      this.#parts.send({
        ...headers,
        [StreamHeader.DATA_TYPE]: DataType.ERROR,
        [StreamHeader.OFFSET]: this.#sentBytes,
        [StreamHeader.ERROR]: reason,
      });
    } catch {
      // Nobody is there to be told.
    }
  }
}
