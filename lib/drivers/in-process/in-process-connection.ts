import { type SchedulerLike, Subscription } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { BaseConnection } from '../../transport/base-connection.js';
import { frameMemory } from '../../wire/frame-memory.js';
import type { ConnectionProperties } from '../../transport/connection.js';

/** Frames are copied into blocks of this size, which is much faster than one allocation per frame. */
const BLOCK_BYTES = 64 * 1024;

/** What lies between the two ends of a connection. Its fields may change at any time. */
export interface Link {
  /** Milliseconds from `send` to `frames$`. */
  readonly latencyMs: number;
  readonly scheduler: SchedulerLike;
  /** Nothing is delivered, until `deliverSoon` is called after the stall. Default: false. */
  readonly isStalled?: boolean;
  /** What is sent is lost, the end of a connection too. Default: false. */
  readonly isLossy?: boolean;
}

interface FrameInFlight {
  readonly frame: Uint8Array;
  readonly dueAt: number;
}

/** One end of a connection inside the process: the other end receives what is sent here, in order, after the latency. */
export class InProcessConnection extends BaseConnection {
  protected override readonly finishesInOrder = true;
  readonly #link: Link;
  #other: InProcessConnection | undefined;
  /** Frames in flight to this end, from `#taken` on. */
  #inbox: FrameInFlight[] = [];
  #taken = 0;
  /** When this end hears that the other one has ended, behind all frames. */
  #endDueAt: number | undefined;
  /** What was sent here and not yet received at the other end. */
  #bufferedBytes = 0;
  #bufferedFrames = 0;
  #isDelivering = false;
  #isReading = false;
  #delivery = Subscription.EMPTY;
  #block = new Uint8Array(0);
  #used = 0;

  private constructor(properties: ConnectionProperties, link: Link) {
    super(properties);
    this.#link = link;
  }

  /** Both ends of one connection, by their addresses: the active and the passive one. */
  static pair(active: string, passive: string, link: Link): [InProcessConnection, InProcessConnection] {
    const ends: [InProcessConnection, InProcessConnection] = [
      new InProcessConnection({ local_addr: active, peer_addr: passive }, link),
      new InProcessConnection({ local_addr: passive, peer_addr: active }, link),
    ];
    ends[0].#other = ends[1];
    ends[1].#other = ends[0];
    return ends;
  }

  override get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  override get bufferedFrames(): number {
    return this.#bufferedFrames;
  }

  override get unconfirmedBytes(): number {
    return 0; // What the other end has not taken ends with the connection.
  }

  override get unconfirmedFrames(): number {
    return 0;
  }

  /** Delivers what is due in an action of its own, so that no receiver is called while it is called. */
  deliverSoon(): void {
    if (this.#isDelivering) return; // The delivery that runs looks again.
    this.#delivery.unsubscribe();
    this.#deliverAfter(0);
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    if (this.#link.isLossy === true || this.#other === undefined) return;
    const frame = this.#join(head, payload);
    this.#bufferedBytes += frame.length;
    this.#bufferedFrames += 1;
    this.#other.#accept(frame);
  }

  protected override startReading(): void {
    this.resumeReading();
  }

  protected override pauseReading(): void {
    this.#isReading = false;
  }

  protected override resumeReading(): void {
    this.#isReading = true;
    this.deliverSoon();
  }

  protected override finishWriting(): void {
    this.#sendEnd();
  }

  protected override release(): Promise<void> {
    this.#isReading = false;
    this.#inbox = [];
    this.#delivery.unsubscribe();
    this.#sendEnd();
    this.#other = undefined;
    return Promise.resolve();
  }

  #sendEnd(): void {
    if (this.#link.isLossy !== true && this.#other !== undefined) this.#other.#acceptEnd();
  }

  #accept(frame: Uint8Array): void {
    const { latencyMs, scheduler } = this.#link;
    this.#inbox.push({ frame, dueAt: latencyMs === 0 ? 0 : scheduler.now() + latencyMs });
    if (this.#delivery.closed) this.#deliverAfter(latencyMs);
  }

  #acceptEnd(): void {
    const { latencyMs, scheduler } = this.#link;
    this.#endDueAt ??= scheduler.now() + latencyMs;
    if (this.#delivery.closed) this.#deliverAfter(latencyMs);
  }

  #deliverAfter(delayMs: number): void {
    this.#delivery = this.#link.scheduler.schedule(() => {
      this.#delivery = Subscription.EMPTY;
      this.#deliver();
    }, delayMs);
  }

  /** Delivers the frames that are due, and the end of the other side behind them. */
  #deliver(): void {
    if (this.#link.isStalled === true) return;
    this.#isDelivering = true;
    const now = this.#link.scheduler.now();
    let next: FrameInFlight | undefined;
    while ((next = this.#inbox[this.#taken]) !== undefined && this.#isReading && next.dueAt <= now) {
      this.#taken += 1;
      this.#pass(next.frame);
    }
    this.#isDelivering = false;
    this.#inbox = this.#inbox.slice(this.#taken);
    this.#taken = 0;
    if (this.#other === undefined) return; // A receiver has closed the connection.
    this.#other.wrote();
    const dueAt = next === undefined ? this.#endDueAt : this.#isReading ? next.dueAt : undefined;
    if (dueAt === undefined) return;
    if (next === undefined && dueAt <= now) this.#endBoth();
    else if (this.#delivery.closed) this.#deliverAfter(dueAt - now);
  }

  #pass(frame: Uint8Array): void {
    this.alive();
    if (this.#other !== undefined) this.#other.#noteTaken(frame.length);
    if (frame.length > this.maxFrameBytes) this.end(tooLarge(frame.length, this.maxFrameBytes));
    else this.receive(frame);
  }

  #noteTaken(bytes: number): void {
    this.#bufferedBytes -= bytes;
    this.#bufferedFrames -= 1;
  }

  /** Ends both sides: everything that the other one sent has arrived here. */
  #endBoth(): void {
    const other = this.#other;
    this.end();
    other?.end();
  }

  /** Copies the frame, since `head` is only lent and the receiver may keep it. */
  #join(head: Uint8Array, payload: Uint8Array | undefined): Uint8Array {
    const length = head.length + (payload?.length ?? 0);
    const frame = length > BLOCK_BYTES / 4 ? frameMemory.take(length) : this.#allocate(length);
    frame.set(head);
    if (payload !== undefined) frame.set(payload, head.length);
    return frame;
  }

  #allocate(length: number): Uint8Array {
    if (this.#block.length - this.#used < length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return this.#block.subarray(start, this.#used);
  }
}

function tooLarge(length: number, maxFrameBytes: number): CommError {
  const detail = `bad frame: expected at most ${maxFrameBytes} bytes, got ${length}`;
  return new CommError(CommErrorCode.BAD_DATA, detail);
}
