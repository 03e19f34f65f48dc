import {
  concatMap,
  defer,
  EMPTY,
  endWith,
  finalize,
  from,
  ignoreElements,
  isObservable,
  map,
  mergeMap,
  type Observable,
  of,
  tap,
  toArray,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { concatenated } from '../concatenated.js';
import { isPromise } from '../is-promise.js';
import type { MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import { frameMemory } from '../wire/frame-memory.js';
import { CellError } from './cell-error.js';
import type { CellRequest } from './cell-message.js';
import { textHeader } from './headers.js';
import type { IncomingStream } from './incoming-stream.js';
import { Reassembly } from './reassembly.js';
import { ReturnCode } from './return-code.js';
import { countOf, StreamHeader } from './stream-headers.js';
import { UnicastSource } from './unicast-source.js';

/** What an incoming stream needs of its table. */
export interface InboundHost {
  /** The most that may wait to be consumed, in bytes. */
  readonly maxUnreadBytes: number;
  /** Tells the sender how much is consumed, and up to which sequence all has come. */
  acknowledge(stream: InboundStream): void;
  /** Nothing follows. `refusal` is for the sender, unless it knows. */
  close(stream: InboundStream, refusal?: string): void;
  /** Counts bytes as held, or as let go of where negative. @returns whether there is room for them */
  hold(bytes: number): boolean;
}

/** How often a sender that does not say so wants acknowledgements: NVFlare up to 2.8. */
const ACK_BYTES = 4 * 1024 ** 2;

/** What a small piece takes, about: it has a buffer, a view on it, and a slot in a queue. */
const MIN_PIECE_BYTES = 256;

/** One stream that we receive. open -> whole, when all has come -> over, when all is read; or -> over, when it fails. */
export class InboundStream implements IncomingStream {
  readonly origin: string;
  readonly neighbour: string;
  readonly channel: string;
  readonly topic: string;
  readonly headers: MessageHeaders;
  readonly size: number | undefined;
  readonly chunks$: Observable<Uint8Array>;
  readonly bytes$: Observable<Uint8Array>;
  /** Lost chunks are sent again, until they are acknowledged. */
  readonly isReliable: boolean;
  /** The sender knows errors: NVFlare 2.9 or later. */
  readonly isModern: boolean;

  readonly #host: InboundHost;
  readonly #reassembly = new Reassembly();
  readonly #pieces = new UnicastSource<Uint8Array>();
  #acknowledgeEvery = ACK_BYTES;
  #retryTimeoutMs = 0;
  #consumed = 0;
  #acknowledged = 0;
  /** What waits to be consumed, by what it takes of memory. */
  #unread = 0;
  #held = 0;
  #isRead = false;
  #silentSweeps = 0;
  #state: 'open' | 'whole' | 'over' = 'open';

  /** @param request - its first message */
  constructor({ origin, neighbour, headers }: CellRequest, host: InboundHost) {
    this.origin = origin;
    this.neighbour = neighbour;
    this.headers = headers;
    this.channel = textHeader(headers, StreamHeader.CHANNEL);
    this.topic = textHeader(headers, StreamHeader.TOPIC);
    const size = countOf(headers[StreamHeader.SIZE]);
    this.size = size === 0 ? undefined : size;
    this.isReliable = headers[StreamHeader.RELIABLE] === true;
    this.isModern = headers[StreamHeader.CHUNK_BYTES] !== undefined;
    this.#host = host;
    this.chunks$ = this.#read((piece$) => piece$.pipe(tap((piece) => this.#onConsumed(piece.length))));
    this.bytes$ = this.#read((piece$) => this.#whole(piece$));
    this.#learn(headers);
  }

  /** For how long its sender sends again what is not acknowledged, in milliseconds; 0 where it does not say. */
  get retryTimeoutMs(): number {
    return this.#retryTimeoutMs;
  }

  /** Up to which sequence all has come, and how much is consumed; all of it once it is whole. */
  get position(): { readonly sequence: number; readonly offset: number } {
    const { sequence, receivedBytes } = this.#reassembly;
    return { sequence, offset: this.#state === 'open' ? this.#consumed : receivedBytes };
  }

  /**
   * Called at each sweep: a stream is given up at the third without a sign of life. It waits for its sender, or for
   * somebody who reads it, but not for a reader that is busy.
   *
   * @returns whether it must be looked at again: not where it is whole and has a reader
   */
  sweep(): boolean {
    const isUnread = this.#reassembly.receivedBytes > this.#consumed;
    const isWaiting = !this.#isRead || (this.#state === 'open' && !isUnread);
    this.#silentSweeps = isWaiting ? this.#silentSweeps + 1 : 0;
    if (this.#silentSweeps > 2)
      this.#failFor(ReturnCode.TIMEOUT, this.#isRead ? 'no chunk comes' : 'nobody reads it');
    return !this.#isRead || this.#state !== 'whole';
  }

  consume(
    each: (chunk: Uint8Array) => unknown,
    { borrow = false }: { readonly borrow?: boolean } = {},
  ): Observable<number> {
    return this.#read((piece$) =>
      piece$.pipe(
        concatMap((piece) => {
          // It has no length any more where its memory is transferred elsewhere.
          const done = { piece, length: piece.length };
          const work = each(piece);
          if (!isObservable(work) && !isPromise(work)) return of(done);
          return from(work).pipe(ignoreElements(), endWith(done));
        }),
        tap(({ piece, length }) => {
          if (borrow) frameMemory.giveBack(piece);
          this.#onConsumed(length);
        }),
        map(() => this.#consumed),
      ),
    );
  }

  /** All of it, when it is whole; its bytes are held until the promise settles that `use` returns. */
  collect(use: (bytes: Uint8Array) => unknown, onPiece?: () => void): Observable<never> {
    return this.#read((piece$) =>
      this.#whole(piece$.pipe(tap(onPiece))).pipe(
        mergeMap((bytes) => {
          const work = use(bytes);
          return isPromise(work) ? from(work) : EMPTY;
        }),
        ignoreElements(),
      ),
    );
  }

  refuse(reason = 'refused'): void {
    this.fail(ReturnCode.COMM_ERROR, `we refused it: ${quoted(reason)}`, reason);
  }

  /** Its sender sends no more. Nothing is lost where all has come, though its reader is not done with it. */
  lose(text: string): void {
    if (this.#state === 'open') this.fail(ReturnCode.COMM_ERROR, text);
  }

  /** Ends it with an error. `refusal` is for the sender, unless it knows. */
  fail(returnCode: ReturnCode, text: string, refusal?: string): void {
    if (this.#state === 'over') return;
    this.#become('over', refusal);
    this.#pieces.error(new CellError(returnCode, `stream of ${this.origin}: ${text}`, this.origin));
  }

  /** Takes a chunk. One that breaks the rules ends the stream. @returns false where the stream needs it no more */
  take(headers: MessageHeaders, payload: Uint8Array | undefined): boolean {
    // Who was handed the stream may have refused it before its first chunk.
    if (this.#state === 'over') return true;
    const taken = this.#reassembly.take(headers, payload);
    if (taken.kind === 'superfluous') return false;
    if (this.#isRead) this.#silentSweeps = 0;
    this.#learn(headers);
    const memory = memoryOf(payload?.length ?? 0);
    this.#unread += memory;
    this.#held += memory;
    const hasRoom = this.#host.hold(memory);
    if (taken.kind === 'fault') this.#failFor(ReturnCode.INVALID_REQUEST, taken.text);
    else if (!hasRoom)
      this.#failFor(ReturnCode.SERVICE_UNAVAILABLE, 'all streams hold more than maxHeldBytes');
    else if (this.#unread > this.#host.maxUnreadBytes)
      this.#failFor(
        ReturnCode.MSG_TOO_BIG,
        `more than ${this.#host.maxUnreadBytes} bytes wait to be consumed (maxUnreadBytes)`,
      );
    else this.#emit(taken.pieces);
    return true;
  }

  #emit(pieces: readonly Uint8Array[]): void {
    if (this.#reassembly.isWhole) this.#become('whole');
    for (const piece of pieces) this.#pieces.next(piece);
    if (this.#reassembly.isWhole) this.#pieces.complete();
  }

  /** What the first chunk says, which may not come first. A window smaller than the interval would never be acknowledged. */
  #learn(headers: MessageHeaders): void {
    const interval = countOf(headers[StreamHeader.ACK_BYTES]) ?? this.#acknowledgeEvery;
    const window = countOf(headers[StreamHeader.WINDOW_BYTES]) ?? interval;
    this.#acknowledgeEvery = Math.max(1, Math.min(interval, window));
    const seconds = headers[StreamHeader.RETRY_TIMEOUT];
    if (typeof seconds === 'number' && seconds > 0) this.#retryTimeoutMs = seconds * 1_000;
  }

  #whole(piece$: Observable<Uint8Array>): Observable<Uint8Array> {
    return piece$.pipe(
      tap((piece) => this.#advance(piece.length)),
      toArray(),
      map((pieces) => (pieces.length === 1 ? pieces[0] : undefined) ?? joined(pieces)),
    );
  }

  /** The pieces, for the first that subscribes. */
  #read<T>(consume: (piece$: Observable<Uint8Array>) => Observable<T>): Observable<T> {
    return defer(() => {
      if (this.#isRead)
        throw new CommError(
          CommErrorCode.BAD_CONFIG,
          `the stream of ${this.origin} has a reader: a stream is read once, so share what its reader emits`,
        );
      this.#isRead = true;
      this.#silentSweeps = 0;
      return consume(this.#pieces.values$).pipe(finalize(() => this.#leave()));
    });
  }

  /** The reader has all that it wants. */
  #leave(): void {
    if (this.#state === 'over') return;
    const hasAll = this.#state === 'whole' && this.#unread === 0;
    this.#become('over', hasAll ? undefined : 'the receiver failed or gave up');
  }

  /** @param refusal - for the sender of a stream that is over, unless it knows */
  #become(state: 'whole' | 'over', refusal?: string): void {
    if (state === 'over') this.#host.close(this, refusal);
    this.#state = state;
    if (state === 'whole') this.#acknowledge();
    else this.#letGo(this.#held);
  }

  #onConsumed(bytes: number): void {
    // Who reads what had waited may refuse the stream meanwhile, which let go of all.
    if (this.#state === 'over') return;
    this.#letGo(memoryOf(bytes));
    this.#advance(bytes);
  }

  #advance(bytes: number): void {
    this.#unread -= memoryOf(bytes);
    this.#consumed += bytes;
    this.#silentSweeps = 0;
    if (this.#state === 'open' && this.#consumed - this.#acknowledged >= this.#acknowledgeEvery)
      this.#acknowledge();
  }

  #acknowledge(): void {
    this.#acknowledged = this.position.offset;
    this.#host.acknowledge(this);
  }

  #letGo(memory: number): void {
    this.#held -= memory;
    this.#host.hold(-memory);
  }

  #failFor(returnCode: ReturnCode, text: string): void {
    this.fail(returnCode, text, text);
  }
}

/** All pieces in one, which nobody needs any more then. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = concatenated(pieces);
  for (const piece of pieces) frameMemory.giveBack(piece);
  return bytes;
}

/** What a piece is counted as. An empty one is not kept. */
function memoryOf(bytes: number): number {
  return bytes === 0 ? 0 : Math.max(bytes, MIN_PIECE_BYTES);
}
