import { firstValueFrom, fromEvent, race, type Subscription, timer } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { frameMemory } from '../../wire/frame-memory.js';
import { BaseConnection } from '../../transport/base-connection.js';
import type { ConnectionProperties } from '../../transport/connection.js';
import { CloseCode, closeCodeOf, closeError, closeReasonOf, privateCodeOf } from './close-codes.js';
import { FrameInbox } from './frame-inbox.js';
import { faultOf, type MessageFault, TEXT_FAULT } from './message-fault.js';

/** How often `bufferedAmount` is read while something is buffered: a browser has no event for it. */
const POLL_MS = 10;

/** How long the peer may take for its close frame after ours. */
const LINGER_MS = 1_000;

/** Frames up to this size are joined in memory that is reused, since `WebSocket.send` copies. */
const SCRATCH_BYTES = 64 * 1024;

const scratch = new Uint8Array(SCRATCH_BYTES);

/** How many sizes of frames are kept that are no longer buffered. */
const MAX_OLD_SIZES = 1_024;

/**
 * One binary message per frame on the WebSocket of a browser. A browser cannot pause its peer, so a paused connection
 * keeps what arrives, up to a limit. It reports a message only when the whole message has arrived, so a long one is no
 * sign of life until its end.
 */
export class NativeWebSocketConnection extends BaseConnection {
  readonly #ws: WebSocket;
  readonly #inbox: FrameInbox;
  #closeCode: CloseCode | undefined;
  #closeReason = '';
  /** Sizes of the frames that may still be buffered, the oldest first. */
  #sizes: number[] = [];
  /** Runs while something is buffered. */
  #polling: Subscription | undefined;

  /** @param ws - open, with binaryType arraybuffer */
  constructor(ws: WebSocket, properties: ConnectionProperties, maxPausedBytes: number) {
    super(properties);
    this.#ws = ws;
    this.#inbox = new FrameInbox(maxPausedBytes, (frame) => this.receive(frame));
    ws.addEventListener('message', (event: MessageEvent<unknown>) => this.#receiveMessage(event.data));
    // The close event that follows has the reason.
    ws.addEventListener('error', () => undefined);
    ws.addEventListener('close', ({ code, reason }) => this.#closed(code, reason));
  }

  override get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  override get bufferedFrames(): number {
    let left = this.bufferedBytes;
    let frames = 0;
    while (left > 0 && frames < this.#sizes.length) {
      frames += 1;
      left -= this.#sizes.at(-frames) ?? 0;
    }
    return frames;
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    const length = head.length + (payload?.length ?? 0);
    const message = length > SCRATCH_BYTES ? new Uint8Array(length) : scratch.subarray(0, length);
    message.set(head);
    if (payload !== undefined) message.set(payload, head.length);
    this.#ws.send(message);
    this.#noteSize(length);
    this.#polling ??= this.#pollUntilWritten();
  }

  protected override startReading(): void {
    this.#inbox.open();
  }

  protected override pauseReading(): void {
    this.#inbox.shut();
  }

  protected override resumeReading(): void {
    this.#inbox.open();
  }

  protected override finishWriting(): void {
    this.#ws.close(CloseCode.NORMAL);
    this.endAfter(LINGER_MS);
  }

  protected override end(reason?: CommError): void {
    this.#closeCode ??= closeCodeOf(reason);
    this.#closeReason = closeReasonOf(reason);
    super.end(reason);
  }

  protected override async release(): Promise<void> {
    this.#polling?.unsubscribe();
    this.#inbox.clear();
    if (this.#ws.readyState === this.#ws.CLOSED) return;
    const closed = firstValueFrom(race(fromEvent(this.#ws, 'close'), timer(LINGER_MS)));
    this.#ws.close(privateCodeOf(this.#closeCode ?? CloseCode.NORMAL), this.#closeReason);
    await closed;
  }

  #pollUntilWritten(): Subscription {
    let last = this.bufferedBytes;
    return timer(POLL_MS, POLL_MS).subscribe(() => {
      const { bufferedBytes } = this;
      if (bufferedBytes > 0 && bufferedBytes < last) this.alive();
      last = bufferedBytes;
      if (bufferedBytes === 0) {
        this.#polling?.unsubscribe();
        this.#polling = undefined;
      }
      this.wrote();
    });
  }

  #noteSize(length: number): void {
    this.#sizes.push(length);
    if (this.#sizes.length < MAX_OLD_SIZES * 2) return;
    const count = Math.max(this.bufferedFrames, MAX_OLD_SIZES);
    this.#sizes = this.#sizes.slice(-count);
  }

  #receiveMessage(data: unknown): void {
    this.alive();
    if (!(data instanceof ArrayBuffer)) {
      this.#refuse(TEXT_FAULT);
      return;
    }
    const frame = new Uint8Array(data);
    const fault = faultOf(frame, this.maxFrameBytes);
    if (fault === undefined) this.#keep(frameMemory.own(frame));
    else this.#refuse(fault);
  }

  #keep(frame: Uint8Array): void {
    if (!this.isOpen) return;
    try {
      this.#inbox.add(frame, this.describe());
    } catch (error) {
      this.end(CommError.from(error));
    }
  }

  #closed(code: number, reason: string): void {
    this.end(this.isFinishing ? undefined : closeError(code, reason, this.describe()));
  }

  #refuse({ closeCode, detail }: MessageFault): void {
    this.#closeCode = closeCode;
    this.end(new CommError(CommErrorCode.BAD_DATA, `${this.describe()}: bad message: ${detail}`));
  }
}
