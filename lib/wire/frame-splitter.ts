import { CommError, CommErrorCode } from '../comm-error.js';
import { frameLength, PREFIX_BYTES } from './prefix.js';

/** A frame up to this size gets its memory as soon as its length is known. */
const EAGER_BYTES = 1024 * 1024;

/** A larger one gets this many times what has arrived, so that a declared length alone costs nothing. */
const GROWTH = 8;

/** Less room than this is not worth a read of its own. */
const ROOM_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

/**
 * Cuts a byte stream into whole frames: `push` a chunk, then `shift` frames until there are none.
 *
 * A frame inside one chunk is a view on it. One that straddles chunks is copied into memory of its own.
 */
export class FrameSplitter {
  /** The chunk at hand, and how much of it is consumed. */
  #chunk: Uint8Array = NOTHING;
  #consumed = 0;
  /** The start of a frame that straddles chunks, and how much of it has arrived. */
  #frame: Uint8Array = NOTHING;
  #collected = 0;
  readonly #allocate: (bytes: number) => Uint8Array;

  /** @param allocate - gives memory for a frame that straddles chunks; what was in it does not matter */
  constructor(allocate: (bytes: number) => Uint8Array = (bytes) => new Uint8Array(bytes)) {
    this.#allocate = allocate;
  }

  /** Bytes that wait for the rest of their frame. */
  get pendingBytes(): number {
    return this.#collected + this.#chunk.length - this.#consumed;
  }

  /**
   * The memory that the next bytes of a large frame go to, once the frame has begun and all before it are shifted.
   * Who reads them straight into it, and says so with `fill`, spares a copy.
   */
  get room(): Uint8Array | undefined {
    const isLarge = this.#frame.length - this.#collected >= ROOM_BYTES;
    return isLarge ? this.#frame.subarray(this.#collected) : undefined;
  }

  /** So many bytes were put into `room`. */
  fill(bytes: number): void {
    this.#collected += bytes;
  }

  /** Hands over the next chunk. All frames of the one before must have been shifted. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#consumed = 0;
  }

  /**
   * The next whole frame, or `undefined` when more bytes are needed.
   *
   * @param maxFrameBytes - the largest frame to accept
   * @throws CommError `BAD_DATA` where a length is under 16 or over the limit: the stream cannot go on
   */
  shift(maxFrameBytes: number): Uint8Array | undefined {
    const start = this.#consumed;
    const available = this.#chunk.length - start;
    if (this.#collected === 0 && available >= PREFIX_BYTES) {
      const length = checkLength(frameLength(this.#chunk, start), maxFrameBytes);
      if (length <= available) {
        this.#consumed += length;
        return this.#chunk.subarray(start, this.#consumed);
      }
    }
    return this.#collectFrame(maxFrameBytes);
  }

  /**
   * The stream has ended.
   *
   * @throws CommError `CLOSED` where that was in the middle of a frame
   */
  finish(): void {
    const { pendingBytes } = this;
    if (pendingBytes === 0) return;
    const detail = `closed in the middle of a frame, ${pendingBytes} bytes after its start`;
    throw new CommError(CommErrorCode.CLOSED, detail);
  }

  #collectFrame(maxFrameBytes: number): Uint8Array | undefined {
    if (!this.#collect(PREFIX_BYTES)) return undefined;
    if (!this.#collect(checkLength(frameLength(this.#frame, 0), maxFrameBytes))) return undefined;
    const frame = this.#frame;
    this.#frame = NOTHING;
    this.#collected = 0;
    return frame;
  }

  /** Moves bytes from the chunk to the frame until it has `target` bytes; says whether it has. */
  #collect(target: number): boolean {
    const count = Math.min(target - this.#collected, this.#chunk.length - this.#consumed);
    if (count > 0) {
      this.#reserve(this.#collected + count, target);
      this.#frame.set(this.#chunk.subarray(this.#consumed, this.#consumed + count), this.#collected);
      this.#consumed += count;
      this.#collected += count;
    }
    return this.#collected >= target;
  }

  #reserve(needed: number, target: number): void {
    if (needed <= this.#frame.length) return;
    const grown = this.#allocate(Math.min(target, Math.max(EAGER_BYTES, needed * GROWTH)));
    grown.set(this.#frame.subarray(0, this.#collected));
    this.#frame = grown;
  }
}

/** Names the two protocols that are most often met by mistake, by their first bytes. */
function guess(length: number): string {
  if (length >>> 16 === 0x1503 || length >>> 16 === 0x1603) return ', which looks like TLS';
  return length === 0x48545450 ? ', which looks like HTTP' : '';
}

function checkLength(length: number, maxFrameBytes: number): number {
  if (length < PREFIX_BYTES || length > maxFrameBytes) {
    throw new CommError(
      CommErrorCode.BAD_DATA,
      `bad frame: expected a length of ${PREFIX_BYTES} to ${maxFrameBytes} bytes, got ${length}${guess(length)}`,
    );
  }
  return length;
}
