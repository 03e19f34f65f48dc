import { Subscription } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { BaseConnection } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { decodeFrameMessage, encodeFrameMessage } from './frame-message.js';
import type { GrpcCall, GrpcCallListener } from './grpc-call.js';
import { MessageQueue } from './message-queue.js';
import { watchWrites } from './stalled-write.js';

/** `seq` is an int32; after the largest it starts again. */
const MAX_SEQ = 0x7fffffff;

/** Frames as the messages of one bidirectional gRPC stream. */
export class GrpcConnection extends BaseConnection implements GrpcCallListener {
  readonly #call: GrpcCall;
  readonly #queue = new MessageQueue();
  #seq = 0;
  #isStarted = false;
  #isFinishing = false;
  #isReleased = false;
  /** A message was asked for and has not come. */
  #isAsking = false;
  #isInRead = false;
  /** The message that was on its way when reading paused, and whether the stream came to its clean end behind it. */
  #held: Uint8Array | undefined;
  #endsAfterHeld = false;
  #isCleanEnd = false;
  #watch = Subscription.EMPTY;

  constructor(call: GrpcCall, properties: ConnectionProperties) {
    super(properties);
    this.#call = call;
    call.listen(this);
  }

  override get bufferedBytes(): number {
    return this.#queue.bytes;
  }

  override get bufferedFrames(): number {
    return this.#queue.length;
  }

  /**
   * Counts bytes and not messages, since a large one is on its way for long. A peer that takes what waits for it
   * shows here too: under HTTP/2 it must tell us to go on.
   */
  override get activity(): number {
    return this.#call.socket.bytesRead;
  }

  onMessage(message: Uint8Array): void {
    this.#isAsking = false;
    if (this.#mayRead) this.#deliver(message);
    else this.#held = message;
    this.#read();
  }

  onEnd(error?: CommError): void {
    this.#isCleanEnd = error === undefined;
    if (this.#isCleanEnd && this.#held !== undefined) this.#endsAfterHeld = true;
    else this.end(error);
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    this.#seq = this.#seq === MAX_SEQ ? 1 : this.#seq + 1;
    this.#queue.push(encodeFrameMessage(this.#seq, head, payload));
    this.#flush();
  }

  protected override startReading(): void {
    this.#isStarted = true;
    this.#read();
  }

  /** Nothing is asked for any more, so that grpc-js leaves the window of HTTP/2 to fill up. */
  protected override pauseReading(): void {
    // `isPaused` says it.
  }

  protected override resumeReading(): void {
    this.#deliverHeld();
    this.#read();
  }

  protected override finishWriting(): void {
    this.#isFinishing = true;
    if (this.#queue.length === 0) this.#call.finish();
    this.#deliverHeld();
    this.#read();
  }

  protected override release(): Promise<void> {
    this.#isReleased = true;
    this.#held = undefined;
    this.#watch.unsubscribe();
    return this.#call.release(this.#isCleanEnd);
  }

  /** While closing, what still comes is read and let go, so that the end behind it is seen. */
  get #mayRead(): boolean {
    return !this.#isReleased && (this.#isFinishing || (this.#isStarted && !this.isPaused));
  }

  /** Asks for message after message. They may come at once, and a loop keeps the stack short then. */
  #read(): void {
    if (this.#isInRead) return;
    this.#isInRead = true;
    while (this.#mayRead && !this.#isAsking) {
      this.#isAsking = true;
      this.#call.read();
    }
    this.#isInRead = false;
  }

  #deliver(message: Uint8Array): void {
    let frame: Uint8Array;
    try {
      frame = decodeFrameMessage(message);
    } catch (error) {
      this.end(this.#badData(CommError.from(error).message));
      return;
    }
    if (frame.length <= this.maxFrameBytes) this.receive(frame);
    else this.end(this.#badData(`expected at most ${this.maxFrameBytes} bytes, got ${frame.length}`));
  }

  #deliverHeld(): void {
    const message = this.#held;
    if (message === undefined) return;
    this.#held = undefined;
    this.#deliver(message);
    if (this.#endsAfterHeld) this.end();
  }

  #flush(): void {
    const { writeAheadBytes } = this.#call;
    while (this.#queue.writingBytes === 0 || this.#queue.writingBytes < writeAheadBytes) {
      const message = this.#queue.take();
      if (message === undefined) return;
      this.#call.write(message, this.#written);
      if (this.#watch.closed) this.#watch = watchWrites(this.#call.socket, this.#isWriting);
    }
  }

  readonly #isWriting = (): boolean => this.#queue.writingBytes > 0;

  readonly #written = (): void => {
    if (this.#isReleased) return;
    this.#queue.settle();
    this.#flush();
    this.wrote();
    if (this.#isFinishing && this.#queue.length === 0) this.#call.finish();
  };

  #badData(detail: string): CommError {
    return new CommError(CommErrorCode.BAD_DATA, `${this.describe()}: bad frame: ${detail}`);
  }
}
