import {
  catchError,
  concat,
  EMPTY,
  finalize,
  lastValueFrom,
  Observable,
  of,
  Subject,
  Subscription,
  timer,
} from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { logger } from '../log.js';
import { frameMemory } from '../wire/frame-memory.js';
import { PREFIX_BYTES } from '../wire/prefix.js';
import { type Connection, type ConnectionProperties, nextConnectionName } from './connection.js';
import { HotSource } from './hot-source.js';
import { cleanReason } from './told-reason.js';

const log = logger('connection');

/** The largest frame of a peer before its handshake: a prefix and 64 KiB. */
export const HANDSHAKE_FRAME_BYTES = PREFIX_BYTES + 0xffff;

const DEFAULT_HIGH_WATER_MARK_BYTES = 1024 * 1024;

/** How a connection ends whose peer is refused. */
interface Farewell {
  readonly reason: CommError;
  /** What the peer may know. */
  readonly told: string;
}

/** The pause owner of a `pause()` that names none. */
const APPLICATION = {};

/*
 *   open --close()--> flushing --nothing is buffered--> finishing --end()--> closed
 *     \____end()_________/____________________________________________________/
 */
type State = 'open' | 'flushing' | 'finishing' | 'closed';

/**
 * What all connections share: names, the streams, one state, counting, closing, and an end that happens once. A driver
 * adds how bytes are written and read and how the transport is released, in the abstract members below.
 */
export abstract class BaseConnection implements Connection {
  readonly name: string;
  readonly properties: ConnectionProperties;
  readonly frames$: Observable<Uint8Array>;
  readonly closed$: Observable<never>;
  readonly written$: Observable<void>;
  readonly drained$: Observable<void>;
  maxFrameBytes = HANDSHAKE_FRAME_BYTES;
  highWaterMarkBytes = DEFAULT_HIGH_WATER_MARK_BYTES;
  /**
   * Whether `finishWriting` may be called while frames are buffered, because the transport delivers the end behind
   * them. Default: false.
   */
  protected readonly finishesInOrder: boolean = false;

  readonly #frames = new HotSource<Uint8Array>();
  readonly #closed = new Subject<never>();
  readonly #written = new Subject<void>();
  readonly #drained = new Subject<void>();
  #state: State = 'open';
  #isReading = false;
  /** Created by the first pause, since most connections are never paused. */
  #pausedBy: Set<object> | undefined;
  #full = false;
  #activity = 0;
  #linger = Subscription.EMPTY;
  #farewell: Farewell | undefined;
  #released: Promise<void> | undefined;

  /**
   * Takes a name.
   *
   * @param name - Default: the next connection name of the process
   */
  constructor(properties: ConnectionProperties, name = nextConnectionName()) {
    this.properties = properties;
    this.name = name;
    this.closed$ = this.#closed.asObservable();
    this.written$ = this.#written.asObservable();
    this.drained$ = this.#drained.asObservable();
    this.frames$ = new Observable((subscriber) => {
      const subscription = this.#frames.values$.subscribe(subscriber);
      if (!this.#isReading) this.#read();
      return subscription;
    });
  }

  get activity(): number {
    return this.#activity;
  }

  abstract get bufferedBytes(): number;

  abstract get bufferedFrames(): number;

  /** Default: all that is buffered, for a driver that cannot tell. */
  get unconfirmedBytes(): number {
    return this.bufferedBytes;
  }

  /** Default: all that is buffered, for a driver that cannot tell. */
  get unconfirmedFrames(): number {
    return this.bufferedFrames;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isPaused(): boolean {
    return this.#pausedBy !== undefined && this.#pausedBy.size > 0;
  }

  /** `finishWriting` was called, and the connection has not ended. */
  protected get isFinishing(): boolean {
    return this.#state === 'finishing';
  }

  /** What the peer may know of why it is refused, from `finishWriting` on; `undefined` where it is not refused. */
  protected get told(): string | undefined {
    return this.#farewell?.told;
  }

  /**
   * What `Driver.connect` returns once it has a connection: emits the connection, then completes or errors as it ends.
   * Unsubscribing ends the connection at once, with `CLOSED`.
   */
  lifetime(): Observable<this> {
    return concat(of(this), this.closed$).pipe(
      finalize(() => void this.close(new CommError(CommErrorCode.CLOSED, `${this.describe()}: released`))),
    );
  }

  pause(owner: object = APPLICATION): void {
    const { isPaused } = this;
    this.#pausedBy ??= new Set();
    this.#pausedBy.add(owner);
    if (!isPaused && this.#isReading && this.isOpen) this.pauseReading();
  }

  resume(owner: object = APPLICATION): void {
    if (this.#pausedBy?.delete(owner) === true) this.#read();
  }

  send(head: Uint8Array, payload?: Uint8Array): boolean {
    if (this.#state !== 'open') throw new CommError(CommErrorCode.CLOSED, `${this.describe()} is closed`);
    if (payload !== undefined) frameMemory.handOver(payload);
    this.write(head, payload);
    if (this.bufferedBytes >= this.highWaterMarkBytes) this.#full = true;
    return !this.#full;
  }

  async close(reason?: CommError, told?: string): Promise<void> {
    if (reason !== undefined && told === undefined) {
      this.end(reason);
    } else if (this.isOpen) {
      if (reason !== undefined && told !== undefined) this.#farewell = { reason, told: cleanReason(told) };
      this.#become('flushing');
      // What the peer still sends is dropped, so that its end is seen behind that.
      this.resumeReading();
      this.#finishIfWritten();
    }
    const ended$ = this.closed$.pipe(catchError(() => EMPTY));
    await lastValueFrom(ended$, { defaultValue: undefined });
    await this.#released;
  }

  /** `CN00001 127.0.0.1:8002`, for messages. */
  describe(): string {
    return `${this.name} ${this.properties.peer_addr}`;
  }

  /** Queues one frame. */
  protected abstract write(head: Uint8Array, payload?: Uint8Array): void;

  /** Begins to call `receive`. Called once, when `frames$` has a subscriber and nobody has paused the connection. */
  protected abstract startReading(): void;

  /** Stops calling `receive` soon; frames that were already read may still come. */
  protected abstract pauseReading(): void;

  /** Goes on calling `receive`. Called when the connection begins to close as well, even if it has never read. */
  protected abstract resumeReading(): void;

  /**
   * Tells the peer that nothing more comes. Called once, when everything that `write` accepted is written. `end` must
   * follow: when the peer has ended its side too, or by `endAfter`.
   */
  protected abstract finishWriting(): void;

  /** Frees the socket, stream or directory at once; resolves when nothing of it is left. */
  protected abstract release(): Promise<void>;

  /** Passes on a whole frame. A connection that is closing drops it. */
  protected receive(frame: Uint8Array): void {
    if (this.#state !== 'open') return;
    if (this.#frames.isShared) frameMemory.share(frame);
    this.#frames.next(frame);
  }

  /** Notes a sign of life of the peer. */
  protected alive(): void {
    this.#activity += 1;
  }

  /** Notes that `bufferedBytes` and `bufferedFrames` went down. A full connection drains at half its mark. */
  protected wrote(): void {
    this.#written.next();
    this.#finishIfWritten();
    if (!this.#full || this.bufferedBytes > this.highWaterMarkBytes / 2) return;
    this.#full = false;
    if (this.#state === 'open') this.#drained.next();
  }

  /** Ends the connection cleanly in `ms` milliseconds, if it has not ended by then. Further calls change nothing. */
  protected endAfter(ms: number): void {
    if (this.#linger === Subscription.EMPTY) this.#linger = timer(ms).subscribe(() => this.end());
  }

  /** Ends the connection, cleanly or with an error. Only the first call counts; that of a refusal counts before it. */
  protected end(otherwise?: CommError): void {
    if (this.#state === 'closed') return;
    const reason = this.#farewell?.reason ?? otherwise;
    this.#become('closed');
    this.#linger.unsubscribe();
    this.#released = this.release().catch((error: unknown) =>
      log('%s: %s', this.describe(), messageOf(error)),
    );
    this.#written.complete();
    this.#drained.complete();
    if (reason === undefined) {
      this.#frames.complete();
      this.#closed.complete();
    } else {
      this.#frames.error(reason);
      this.#closed.error(reason);
    }
  }

  /** Starts to read, or goes on. */
  #read(): void {
    if (!this.isOpen || this.isPaused) return;
    if (this.#isReading) this.resumeReading();
    else if (this.#frames.observed) {
      this.#isReading = true;
      this.startReading();
    }
  }

  #finishIfWritten(): void {
    if (this.#state !== 'flushing' || (this.bufferedBytes > 0 && !this.finishesInOrder)) return;
    this.#become('finishing');
    this.finishWriting();
  }

  #become(state: State): void {
    this.#state = state;
  }
}
