import { type SchedulerLike, Subscription } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { BaseConnection } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';

/** Frames are copied into blocks of this size, which is much faster than one allocation per frame. */
const BLOCK_BYTES = 64 * 1024;

/** How a pair of connections delivers. */
export interface DeliveryOptions {
  /** Milliseconds from `send` to `frames$`. */
  readonly latencyMs: number;
  readonly scheduler: SchedulerLike;
}

interface FrameInFlight {
  readonly frame: Uint8Array;
  readonly dueAt: number;
}

/** One end of a connection inside the process: the other end receives what is sent here, in order, after the latency. */
export class InProcessConnection extends BaseConnection {
  readonly #options: DeliveryOptions;
  #other: InProcessConnection | undefined;
  /** Frames in flight to this end. */
  #inbox: FrameInFlight[] = [];
  #taken = 0;
  /** What was sent here and not yet received at the other end. */
  #bufferedBytes = 0;
  #bufferedFrames = 0;
  #isDelivering = false;
  #isReading = false;
  #delivery = Subscription.EMPTY;
  #peerFinished = false;
  #block = new Uint8Array(0);
  #used = 0;

  private constructor(properties: ConnectionProperties, options: DeliveryOptions) {
    super(properties);
    this.#options = options;
  }

  /** Both ends of one connection: the active and the passive one. */
  static pair(address: string, options: DeliveryOptions): [InProcessConnection, InProcessConnection] {
    const active = new InProcessConnection({ local_addr: `${address}#active`, peer_addr: address }, options);
    const passive = new InProcessConnection({ local_addr: address, peer_addr: `${address}#active` }, options);
    active.#other = passive;
    passive.#other = active;
    return [active, passive];
  }

  override get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  override get bufferedFrames(): number {
    return this.#bufferedFrames;
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    const frame = this.#join(head, payload);
    this.#bufferedBytes += frame.length;
    this.#bufferedFrames += 1;
    if (this.#other !== undefined) this.#other.#accept(frame);
  }

  protected override startReading(): void {
    this.#isReading = true;
    this.#deliver();
  }

  protected override pauseReading(): void {
    this.#isReading = false;
  }

  protected override resumeReading(): void {
    this.#isReading = true;
    this.#deliver();
  }

  protected override finishWriting(): void {
    const other = this.#other;
    if (other === undefined) return;
    other.#peerFinished = true;
    other.#deliver();
  }

  protected override release(): Promise<void> {
    this.#isReading = false;
    this.#delivery.unsubscribe();
    const other = this.#other;
    this.#other = undefined;
    if (other !== undefined) {
      other.#peerFinished = true;
      other.#deliver();
    }
    return Promise.resolve();
  }

  #accept(frame: Uint8Array): void {
    const { latencyMs, scheduler } = this.#options;
    this.#inbox.push({ frame, dueAt: latencyMs === 0 ? 0 : scheduler.now() + latencyMs });
    if (this.#delivery.closed) this.#deliverAfter(latencyMs);
  }

  #deliverAfter(delayMs: number): void {
    this.#delivery = this.#options.scheduler.schedule(() => {
      this.#delivery = Subscription.EMPTY;
      this.#deliver();
    }, delayMs);
  }

  /** Delivers the frames that are due, and the end of the other side behind them. */
  #deliver(): void {
    if (this.#isDelivering) return; // A receiver that pauses and resumes re-enters.
    this.#isDelivering = true;
    const now = this.#options.latencyMs === 0 ? 0 : this.#options.scheduler.now();
    let next: FrameInFlight | undefined;
    while ((next = this.#inbox[this.#taken]) !== undefined && this.#isReading && next.dueAt <= now) {
      this.#taken += 1;
      this.#pass(next.frame);
    }
    this.#isDelivering = false;
    this.#inbox = this.#inbox.slice(this.#taken);
    this.#taken = 0;
    if (this.#other !== undefined) this.#other.wrote();
    if (next === undefined && this.#peerFinished) this.#endBoth();
    else if (next !== undefined && this.#isReading && this.#delivery.closed)
      this.#deliverAfter(next.dueAt - now);
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
    const frame = length > BLOCK_BYTES / 4 ? new Uint8Array(length) : this.#allocate(length);
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
