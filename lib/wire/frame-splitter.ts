import { CommError, CommErrorCode } from '../comm-error.js';
import { type Allocate, Assembly } from './assembly.js';
import { frameMemory } from './frame-memory.js';
import { frameLength, PREFIX_BYTES } from './prefix.js';
import { transferred } from './transferred.js';

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
  /** What it had when it came. */
  #chunkBytes = 0;
  /** A frame that straddles chunks. */
  readonly #straddling: Assembly;

  /** @param allocate - gives memory for a frame that straddles chunks. Default: that which is used again */
  constructor(allocate: Allocate = (bytes) => frameMemory.take(bytes)) {
    this.#straddling = new Assembly(allocate);
  }

  /** Bytes that wait for the rest of their frame. */
  get pendingBytes(): number {
    return this.#straddling.length + this.#chunk.length - this.#consumed;
  }

  /** {@inheritDoc Assembly.room} */
  get room(): Uint8Array | undefined {
    return this.#straddling.room;
  }

  /** The number of bytes that were put into `room`. */
  fill(bytes: number): void {
    this.#straddling.fill(bytes);
  }

  /** Hands over the next chunk. All frames of the one before must have been shifted. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#chunkBytes = chunk.length;
    this.#consumed = 0;
  }

  /**
   * The next whole frame, or `undefined` when more bytes are needed.
   *
   * @param maxFrameBytes - the largest frame to accept
   * @throws CommError `BAD_DATA` where a length is under 16 or over the limit, `ERROR` where a receiver transferred the
   * memory of the chunk: the stream cannot go on
   */
  shift(maxFrameBytes: number): Uint8Array | undefined {
    const start = this.#consumed;
    const available = this.#chunk.length - start;
    if (this.#straddling.length === 0 && available >= PREFIX_BYTES) {
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
   * @throws CommError `CLOSED`, with the detail `truncated`, where that was in the middle of a frame
   */
  finish(): void {
    const { pendingBytes } = this;
    if (pendingBytes === 0) return;
    const text = `closed in the middle of a frame, ${pendingBytes} bytes after its start`;
    throw new CommError(CommErrorCode.CLOSED, text, { detail: 'truncated' });
  }

  #collectFrame(maxFrameBytes: number): Uint8Array | undefined {
    if (this.#chunk.length < this.#chunkBytes) this.#noteTransfer();
    if (!this.#collect(PREFIX_BYTES)) return undefined;
    const length = checkLength(frameLength(this.#straddling.memory, 0), maxFrameBytes);
    return this.#collect(length) ? this.#straddling.take() : undefined;
  }

  /** Our chunk is empty now, which is no loss behind its last frame. */
  #noteTransfer(): void {
    if (this.#consumed < this.#chunkBytes) throw transferred();
    this.push(NOTHING);
  }

  /** Moves bytes from the chunk to the frame until it has `target` bytes; says whether it has. */
  #collect(target: number): boolean {
    this.#consumed += this.#straddling.collect(target, this.#chunk, this.#consumed);
    if (this.#consumed === this.#chunk.length) this.push(NOTHING); // An idle connection keeps no chunk alive.
    return this.#straddling.length >= target;
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
