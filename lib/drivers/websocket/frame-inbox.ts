import { CommError, CommErrorCode } from '../../comm-error.js';

/** Maximum frames. The limit in bytes is an option. */
const MAX_WAITING_FRAMES = 65_536;

/** Too much arrived on a paused connection whose transport cannot pause the peer. */
export class InboxFullError extends CommError {
  override readonly name = 'InboxFullError';

  /** The message names the connection, and what waited in it. */
  constructor(context: string, frames: number, bytes: number) {
    super(
      CommErrorCode.NOT_READY,
      `${context}: ${frames} frames of ${bytes} bytes came in while it was paused, and a browser cannot tell ` +
        'its peer to wait: take messages faster, or raise maxPausedBytes of the NativeWebSocketDriver',
    );
  }
}

/** Keeps the frames of a connection while it is paused. Initially shut. */
export class FrameInbox {
  readonly #maxBytes: number;
  readonly #deliver: (frame: Uint8Array) => void;
  #frames: Uint8Array[] = [];
  /** Index of the first frame that has not been passed on. */
  #next = 0;
  #bytes = 0;
  #isOpen = false;

  constructor(maxBytes: number, deliver: (frame: Uint8Array) => void) {
    this.#maxBytes = maxBytes;
    this.#deliver = deliver;
  }

  /**
   * Passes a frame on if open, keeps it if shut.
   *
   * @param context - names the connection
   * @throws InboxFullError beyond the limits
   */
  add(frame: Uint8Array, context: string): void {
    if (this.#isOpen) {
      this.#deliver(frame);
      return;
    }
    this.#frames.push(frame);
    this.#bytes += frame.length;
    const count = this.#frames.length - this.#next;
    if (this.#bytes > this.#maxBytes || count > MAX_WAITING_FRAMES)
      throw new InboxFullError(context, count, this.#bytes);
  }

  /** Keeps the frames from now on. */
  shut(): void {
    this.#isOpen = false;
  }

  /** Passes on the frames it keeps, then those that arrive. A receiver may shut and open it during that. */
  open(): void {
    this.#isOpen = true;
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) this.#deliver(frame);
  }

  /** Drops the frames it keeps. */
  clear(): void {
    this.#frames = [];
    this.#next = 0;
    this.#bytes = 0;
  }

  #take(): Uint8Array | undefined {
    const frame = this.#isOpen ? this.#frames[this.#next] : undefined;
    if (frame === undefined) return undefined;
    this.#next += 1;
    this.#bytes -= frame.length;
    if (this.#next === this.#frames.length) this.clear();
    return frame;
  }
}
