import { CommError, CommErrorCode } from '../../comm-error.js';

/** The most frames that wait; in bytes the limit is the connection's option. */
const MAX_WAITING_FRAMES = 65_536;

/** A connection that cannot pause its peer was paused for so long that too much came in meanwhile. */
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

/** Holds the frames of a connection while it is paused. It begins shut. */
export class FrameInbox {
  readonly #maxBytes: number;
  readonly #deliver: (frame: Uint8Array) => void;
  #frames: Uint8Array[] = [];
  /** The first that has not been passed on. */
  #next = 0;
  #bytes = 0;
  #isOpen = false;

  constructor(maxBytes: number, deliver: (frame: Uint8Array) => void) {
    this.#maxBytes = maxBytes;
    this.#deliver = deliver;
  }

  /**
   * Passes a frame on, or keeps it.
   *
   * @param context - names the connection
   * @throws InboxFullError where it holds too much
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

  /** Keeps what comes from now on. */
  shut(): void {
    this.#isOpen = false;
  }

  /** Passes on what it holds, and then what comes. A receiver may shut and open it meanwhile. */
  open(): void {
    this.#isOpen = true;
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) this.#deliver(frame);
  }

  /** Lets go of everything. */
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
