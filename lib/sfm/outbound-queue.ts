import { type Observable, Subject, Subscription } from 'rxjs';

import type { SendTimes, Tally } from '../stats.js';
import { SendTimer } from './send-timer.js';
import type { Session } from './session.js';

/** An encoded frame on its way out. `head` is only valid during the call that hands it over. */
export interface OutboundFrame {
  readonly head: Uint8Array;
  readonly payload: Uint8Array | undefined;
}

/** What a waiting frame takes in memory beside its bytes, about. */
const WAITING_OVERHEAD_BYTES = 128;

/**
 * What stands between an endpoint's Subject and its connection. Frames go straight through while the connection
 * takes them, and wait here in order while it is full or not settled yet. At most one session writes at a time.
 */
export class OutboundQueue {
  readonly #highWaterMarkBytes: number;
  readonly #drained = new Subject<void>();
  readonly #emptied = new Subject<void>();
  readonly #timer: SendTimer;
  #accepted = 0;
  #waiting: OutboundFrame[] = [];
  #next = 0;
  #waitingBytes = 0;
  #session: Session | undefined;
  #signals = Subscription.EMPTY;
  #isBlocked = false;
  #isFull = false;

  /** @param now - milliseconds, to time messages with */
  constructor(highWaterMarkBytes: number, now: () => number) {
    this.#timer = new SendTimer(now);
    this.#highWaterMarkBytes = highWaterMarkBytes;
  }

  /** Emits when a queue that was full takes frames again. */
  get drained$(): Observable<void> {
    return this.#drained;
  }

  /** Emits when nothing waits here any more. */
  get emptied$(): Observable<void> {
    return this.#emptied;
  }

  /** Whether a sender should wait for `drained$`. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Everything accepted that is not with the operating system yet. */
  get queuedBytes(): number {
    return this.#waitingBytes + (this.#session?.connection.bufferedBytes ?? 0);
  }

  /** What waits here, without what the connection has. */
  get content(): Tally {
    const messages = this.#waiting.length - this.#next;
    return { messages, bytes: this.#waitingBytes - messages * WAITING_OVERHEAD_BYTES };
  }

  /** Everything accepted that is not with the operating system yet, without the overhead. */
  get backlog(): Tally {
    const { messages, bytes } = this.content;
    const { bufferedFrames = 0, bufferedBytes = 0 } = this.#session?.connection ?? {};
    return { messages: messages + bufferedFrames, bytes: bytes + bufferedBytes };
  }

  /** How long messages took to get out. */
  get sendTimes(): SendTimes {
    return this.#timer.times;
  }

  /** Takes one frame. */
  push(frame: OutboundFrame): void {
    this.#accepted += 1;
    this.#timer.accepted(this.#accepted);
    const session = this.#session;
    if (session === undefined || this.#isBlocked || !session.connection.isOpen) {
      this.#waiting.push({ head: frame.head.slice(), payload: frame.payload });
      this.#waitingBytes += costOf(frame);
      if (this.#waitingBytes >= this.#highWaterMarkBytes) this.#isFull = true;
    } else if (!session.sendMessage(frame.head, frame.payload)) {
      this.#isBlocked = true;
      this.#isFull = true;
    }
  }

  /** Writes to `session` from now on, first what waits. */
  open(session: Session): void {
    this.suspend();
    this.#session = session;
    const { drained$, written$ } = session.connection;
    this.#signals = new Subscription();
    this.#signals.add(written$.subscribe(() => this.#noteWritten(session)));
    this.#signals.add(drained$.subscribe(() => this.#flush()));
    this.#flush();
  }

  /** Stops writing; what waits stays for the next session. */
  suspend(): void {
    this.#signals.unsubscribe();
    this.#session = undefined;
    this.#isBlocked = false;
  }

  /** Stops writing and forgets what waits; tells how much that was. */
  clear(): Tally {
    const { content } = this;
    this.suspend();
    this.#timer.abandon();
    this.#waiting = [];
    this.#next = 0;
    this.#waitingBytes = 0;
    this.#isFull = false;
    this.#emptied.next();
    return content;
  }

  #noteWritten({ connection }: Session): void {
    const waiting = this.#waiting.length - this.#next;
    this.#timer.written(this.#accepted - waiting - connection.bufferedFrames);
  }

  /** Goes on at the start, and after the connection was full. */
  #flush(): void {
    this.#isBlocked = false;
    let frame: OutboundFrame | undefined;
    while (this.#session?.connection.isOpen === true && (frame = this.#waiting[this.#next]) !== undefined) {
      this.#next += 1;
      this.#waitingBytes -= costOf(frame);
      if (!this.#session.sendMessage(frame.head, frame.payload)) {
        this.#isBlocked = true;
        break;
      }
    }
    if (this.#next > this.#waiting.length / 2) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (this.#isBlocked || this.#waiting.length > 0) return;
    this.#emptied.next();
    if (this.#isFull) {
      this.#isFull = false;
      this.#drained.next();
    }
  }
}

/** The overhead makes the limit in bytes one in count as well. */
function costOf({ head, payload }: OutboundFrame): number {
  return WAITING_OVERHEAD_BYTES + head.length + (payload?.length ?? 0);
}
