import { concat, defer, EMPTY, Observable, Subject } from 'rxjs';

import type { Losses, Origin } from '../cluster-contract.js';
import { addTallies, NOTHING, type SendTimes, type Tally } from '../stats.js';
import { Fifo } from '../transport/fifo.js';
import type { EncodedMessage, Sink } from '../sink.js';
import { frameMemory } from '../wire/frame-memory.js';
import { RelayedMessages } from './relayed-messages.js';
import { SendTimer } from './send-timer.js';

/*
 *   open --the sink is full-----------------> blocked \
 *     \----too much waits for the next sink--> full ---- nothing waits any more, and the sink takes more --> open
 */
type Room = 'open' | 'full' | 'blocked';

interface LentPayload {
  readonly payload: Uint8Array;
  /** Its number among all accepted messages. */
  readonly position: number;
}

/** What a waiting frame takes in memory beside its bytes, about. */
const WAITING_OVERHEAD_BYTES = 128;

/**
 * The outbound Subject of one endpoint: `send` pushes into it, and the live session drains it. Frames go straight
 * through while the session takes them, and wait here, in order, while it is full or not settled yet.
 */
export class Outbound {
  /** Emits when `next` answers true again, after it answered false. */
  readonly drained$: Observable<void>;
  /** Emits when nothing waits here any more. */
  readonly emptied$: Observable<void>;

  readonly #highWaterMarkBytes: number;
  readonly #drained = new Subject<void>();
  readonly #emptied = new Subject<void>();
  readonly #timer: SendTimer;
  #accepted = 0;
  readonly #waiting = new Fifo<EncodedMessage>();
  /** What was received and is sent on: its memory is used again once it is written. */
  readonly #lent = new Fifo<LentPayload>();
  /** Those of other replicas. Made for the first one. */
  #relayed: RelayedMessages | undefined;
  #waitingBytes = 0;
  #sink: Sink | undefined;
  /** The sink before, from which messages may come back: until it is settled, the next one gets nothing. */
  #former: Sink | undefined;
  #room: Room = 'open';

  /** @param now - milliseconds, to time messages with */
  constructor(highWaterMarkBytes: number, now: () => number) {
    this.#highWaterMarkBytes = highWaterMarkBytes;
    this.#timer = new SendTimer(now);
    this.drained$ = this.#drained.asObservable();
    this.emptied$ = this.#emptied.asObservable();
  }

  /** Whether a sender should wait for `drained$`. */
  get isFull(): boolean {
    return this.#room !== 'open';
  }

  /** Everything accepted that is not with the operating system yet. */
  get queuedBytes(): number {
    return this.#waitingBytes + ((this.#sink ?? this.#former)?.bufferedBytes ?? 0);
  }

  /** Whether nothing waits here, or for what may come back. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#former === undefined;
  }

  /** What waits here, without what the sink has. */
  get waiting(): Tally {
    const messages = this.#waiting.length;
    return { messages, bytes: this.#waitingBytes - messages * WAITING_OVERHEAD_BYTES };
  }

  /** Everything accepted that is not with the operating system yet, without the overhead. */
  get backlog(): Tally {
    const { bufferedMessages = 0, bufferedBytes = 0, overheadBytes = 0 } = this.#sink ?? this.#former ?? {};
    return addTallies(this.waiting, { messages: bufferedMessages, bytes: bufferedBytes - overheadBytes });
  }

  /** How long messages took to get out. */
  get sendTimes(): SendTimes {
    return this.#timer.times;
  }

  /**
   * Takes one frame.
   *
   * @returns whether there is room for more
   */
  next(head: Uint8Array, payload: Uint8Array | undefined): boolean {
    this.#accepted += 1;
    this.#timer.accepted(this.#accepted);
    if (payload !== undefined && frameMemory.holdUntilWritten(payload))
      this.#lent.push({ payload, position: this.#accepted });
    const sink = this.#sink;
    // What waits goes first, also where a sink calls back while that is written.
    if (sink === undefined || this.#room === 'blocked' || this.#waiting.length > 0 || !sink.isOpen) {
      const frame = { head: head.slice(), payload };
      this.#waiting.push(frame);
      this.#waitingBytes += costOf(frame);
      if (this.#room === 'open' && this.#waitingBytes >= this.#highWaterMarkBytes) this.#become('full');
    } else if (!sink.sendMessage(head, payload)) this.#become('blocked');
    return this.#room === 'open';
  }

  /** Takes one frame that another replica accepted, and tells its origin what becomes of it. */
  relay(head: Uint8Array, payload: Uint8Array | undefined, origin: Origin): void {
    this.#relayed ??= new RelayedMessages();
    const bytes = head.length + (payload?.length ?? 0);
    this.#relayed.add({ position: this.#accepted + 1, bytes, origin });
    this.next(head, payload);
    if (this.#sink !== undefined) this.#relayed.written(this.#positionWritten(this.#sink));
  }

  /**
   * Tells the origins of relayed messages of a loss.
   *
   * @param isAll - nothing that was accepted goes out any more
   * @returns what was lost of them
   */
  loseRelayed(losses: Losses, isAll: boolean): Losses {
    if (this.#relayed === undefined) return { undelivered: NOTHING, unknown: NOTHING };
    if (isAll) this.#relayed.detach(this.#accepted);
    else if (this.#sink === undefined) this.#relayed.detach(this.#accepted - this.#waiting.length);
    return this.#relayed.lose(losses);
  }

  /** Gives other replicas back what waits of theirs: the endpoint is at one of them by now. */
  returnRelayed(): void {
    if (this.#relayed === undefined) return;
    let position = this.#accepted - this.#waiting.length;
    this.#relayed.detach(position);
    // Those behind one that goes back are counted anew.
    this.#timer.abandon();
    this.#abandonLent(this.#accepted);
    this.#accepted = position;
    for (let left = this.#waiting.length; left > 0; left -= 1) {
      const frame = this.#waiting.shift();
      if (frame === undefined) return;
      const relayed = this.#relayed.take((position += 1));
      if (relayed === undefined) {
        this.#accepted += 1;
        this.#waiting.push(frame);
      } else {
        this.#waitingBytes -= costOf(frame);
        relayed.origin.returned(frame);
      }
    }
  }

  /**
   * Drains into a sink, first what came back from the one before, then what waits, until unsubscribed; then frames wait for
   * the next sink.
   */
  writeInto(sink: Sink): Observable<never> {
    const drain$ = new Observable<never>((subscriber) => {
      this.#takeBack(this.#former);
      this.#former = undefined;
      const handedOver = this.#accepted - this.#waiting.length;
      this.#abandonLent(handedOver);
      this.#relayed?.detach(handedOver);
      this.#sink = sink;
      subscriber.add(sink.written$.subscribe(() => this.#noteWritten(sink)));
      subscriber.add(sink.drained$.subscribe(() => this.#flush()));
      subscriber.add(() => {
        this.#sink = undefined;
        if (sink.settled$ !== undefined) this.#former = sink;
      });
      this.#flush();
    });
    return concat(
      defer(() => this.#former?.settled$ ?? EMPTY),
      drain$,
    );
  }

  /** Forgets what waits, and says how much that was. */
  clear(): Tally {
    const { waiting } = this;
    this.#sink?.giveUp?.();
    this.#former?.giveUp?.();
    this.#timer.abandon();
    this.#abandonLent(this.#accepted);
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#become('open');
    this.#emptied.next();
    return waiting;
  }

  #positionWritten({ bufferedMessages }: Sink): number {
    return this.#accepted - this.#waiting.length - bufferedMessages;
  }

  #noteWritten(sink: Sink): void {
    const position = this.#positionWritten(sink);
    this.#timer.written(position);
    this.#relayed?.written(position);
    while ((this.#lent.peek()?.position ?? Infinity) <= position) {
      const lent = this.#lent.shift();
      if (lent !== undefined) frameMemory.written(lent.payload);
    }
  }

  #takeBack(sink: Sink | undefined): void {
    const frames = sink?.takeBack?.() ?? [];
    if (frames.length > 0) this.#waiting.unshift(frames);
    for (const frame of frames) this.#waitingBytes += costOf(frame);
  }

  /** What a transport has taken that has ended, it may write yet: that memory is not used again. */
  #abandonLent(position: number): void {
    while ((this.#lent.peek()?.position ?? Infinity) <= position) this.#lent.shift();
  }

  /** Goes on at the start, and after the sink was full. */
  #flush(): void {
    const wasFull = this.isFull;
    this.#takeBack(this.#sink);
    let isBlocked = false;
    let frame: EncodedMessage | undefined;
    while (!isBlocked && this.#sink?.isOpen === true && (frame = this.#waiting.shift()) !== undefined) {
      this.#waitingBytes -= costOf(frame);
      isBlocked = !this.#sink.sendMessage(frame.head, frame.payload);
    }
    if (isBlocked) this.#become('blocked');
    else this.#become(wasFull && this.#waiting.length > 0 ? 'full' : 'open');
    if (this.#waiting.length === 0) this.#emptied.next();
    if (wasFull && this.#room === 'open') this.#drained.next();
  }

  /** The one place that changes how much room there is. */
  #become(room: Room): void {
    this.#room = room;
  }
}

/** The overhead makes the limit in bytes one in count as well. */
function costOf({ head, payload }: EncodedMessage): number {
  return WAITING_OVERHEAD_BYTES + head.length + (payload?.length ?? 0);
}
