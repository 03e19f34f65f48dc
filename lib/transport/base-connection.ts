import { catchError, EMPTY, lastValueFrom, Observable, Subject } from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { logger } from '../log.js';
import { PREFIX_BYTES } from '../wire/prefix.js';
import { type Connection, type ConnectionProperties, nextConnectionName } from './connection.js';
import { HotSource } from './hot-source.js';

const log = logger('connection');

/** Before the handshake a peer is a stranger: its frames may have a prefix and 64 KiB. */
export const HANDSHAKE_FRAME_BYTES = PREFIX_BYTES + 0xffff;

const DEFAULT_HIGH_WATER_MARK_BYTES = 1024 * 1024;

/** Stands for the user among those who pause. */
const USER = {};

/*
 *   open --close()--> closing --end--> closed
 *     \________________end______________/
 */
type State = 'open' | 'closing' | 'closed';

/**
 * What all connections share: names, the streams, one state field, counting, and an end that happens once. A
 * driver adds how bytes are written, read and let go, in the hooks below.
 */
export abstract class BaseConnection implements Connection {
  readonly name = nextConnectionName();
  readonly properties: ConnectionProperties;
  readonly frames$: Observable<Uint8Array>;
  readonly closed$: Observable<never>;
  readonly written$: Observable<void>;
  readonly drained$: Observable<void>;
  maxFrameBytes = HANDSHAKE_FRAME_BYTES;
  highWaterMarkBytes = DEFAULT_HIGH_WATER_MARK_BYTES;

  readonly #frames = new HotSource<Uint8Array>();
  readonly #closed = new Subject<never>();
  readonly #written = new Subject<void>();
  readonly #drained = new Subject<void>();
  #state: State = 'open';
  #reading = false;
  /** Made for the first pause: ten thousand connections that nobody pauses need none. */
  #pausedBy: Set<object> | undefined;
  #full = false;
  #activity = 0;
  #released: Promise<void> | undefined;

  /** Takes the next name of the process. */
  constructor(properties: ConnectionProperties) {
    this.properties = properties;
    this.closed$ = this.#closed.asObservable();
    this.written$ = this.#written.asObservable();
    this.drained$ = this.#drained.asObservable();
    this.frames$ = new Observable((subscriber) => {
      const subscription = this.#frames.values$.subscribe(subscriber);
      if (!this.#reading && this.#state === 'open') {
        this.#reading = true;
        this.startReading();
      }
      return subscription;
    });
  }

  get activity(): number {
    return this.#activity;
  }

  abstract get bufferedBytes(): number;

  abstract get bufferedFrames(): number;

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isPaused(): boolean {
    return this.#pausedBy !== undefined && this.#pausedBy.size > 0;
  }

  pause(owner: object = USER): void {
    const { isPaused } = this;
    this.#pausedBy ??= new Set();
    this.#pausedBy.add(owner);
    if (!isPaused) this.pauseReading();
  }

  resume(owner: object = USER): void {
    if (this.#pausedBy?.delete(owner) === true && !this.isPaused) this.resumeReading();
  }

  send(head: Uint8Array, payload?: Uint8Array): boolean {
    if (this.#state !== 'open') throw new CommError(CommErrorCode.CLOSED, `${this.describe()} is closed`);
    this.write(head, payload);
    if (this.bufferedBytes >= this.highWaterMarkBytes) this.#full = true;
    return !this.#full;
  }

  async close(reason?: CommError): Promise<void> {
    if (reason !== undefined) {
      this.end(reason);
    } else if (this.#state === 'open') {
      this.#state = 'closing';
      this.finishWriting();
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

  /** Begins to call `receive`. */
  protected abstract startReading(): void;

  /** Stops to call `receive` soon; frames already read may still come. */
  protected abstract pauseReading(): void;

  /** Goes on calling `receive`. */
  protected abstract resumeReading(): void;

  /** Flushes what was accepted, then closes; `end` is called when that is done. */
  protected abstract finishWriting(): void;

  /** Frees the socket, stream or directory at once; resolves when nothing of it is left. */
  protected abstract release(): Promise<void>;

  /** Passes on a whole frame. What arrives while closing is let go. */
  protected receive(frame: Uint8Array): void {
    if (this.#state === 'open') this.#frames.next(frame);
  }

  /** Notes a sign of life of the peer. */
  protected alive(): void {
    this.#activity += 1;
  }

  /** Notes that `bufferedBytes` and `bufferedFrames` went down. A full connection takes frames again at half its mark. */
  protected wrote(): void {
    this.#written.next();
    if (!this.#full || this.bufferedBytes > this.highWaterMarkBytes / 2) return;
    this.#full = false;
    if (this.#state === 'open') this.#drained.next();
  }

  /** The end, clean or with an error. The first call counts. */
  protected end(reason?: CommError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
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
}
