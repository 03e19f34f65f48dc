/** The most that is read at once. A larger frame is put together from reads, so it has its memory to itself. */
export const MAX_READ_BYTES = 256 * 1024;

/** The most memory that waits to be used again, in bytes and in pieces. */
const MAX_IDLE_BYTES = 64 * 1024 ** 2;
const MAX_IDLE_PIECES = 64;

/** Memory that nobody has used for this long is left to the garbage collector. */
const IDLE_MS = 5_000;

/** A piece may be this many times as large as what it is used for. */
const MAX_WASTE = 1.25;

/** Who still needs the memory of a large frame. */
interface Holders {
  /** How many sends have not been written yet. */
  sends: number;
  /** The receiver is done with it. */
  isGivenBack: boolean;
  /** It came from here, so the next frame of its transport has use for it. */
  readonly isReusable: boolean;
}

/** Memory that nobody needs. */
interface IdlePiece {
  readonly piece: ArrayBuffer;
  /** By the monotonic clock, in milliseconds. */
  readonly since: number;
}

/** Makes fresh memory of that many bytes, with any content. */
type Fresh = (bytes: number) => Uint8Array;

/**
 * The memory of large frames, used again when nobody needs it. Used memory is preferred, since the system must map and clear
 * each page of a fresh piece, which takes longer than to fill it.
 */
export class FrameMemory {
  /** ArrayBuffers that one large frame has to itself. */
  readonly #owned = new WeakMap<ArrayBufferLike, Holders>();
  /** The longest idle first. */
  readonly #idle: IdlePiece[] = [];
  #idleBytes = 0;
  #isTrimming = false;

  /** What waits to be used again, in bytes. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /**
   * Memory of `bytes` bytes for a frame, with any content; beyond them is nothing of another frame.
   *
   * @param fresh - Default: memory of zeros
   */
  take(bytes: number, fresh: Fresh = (length) => new Uint8Array(length)): Uint8Array {
    if (bytes <= MAX_READ_BYTES) return fresh(bytes);
    const used = this.#takeIdle(bytes);
    if (used !== undefined) new Uint8Array(used, bytes).fill(0);
    const frame = used === undefined ? fresh(bytes) : new Uint8Array(used, 0, bytes);
    this.#owned.set(frame.buffer, { sends: 0, isGivenBack: false, isReusable: true });
    return frame;
  }

  /**
   * Notes that nothing but this frame of a transport with memory of its own refers to its memory, where it is large and
   * fills that. Given back, it is detached as well, and left to the garbage collector.
   */
  own(frame: Uint8Array): Uint8Array {
    const { buffer } = frame;
    if (frame.length > MAX_READ_BYTES && frame.length === buffer.byteLength)
      this.#owned.set(buffer, { sends: 0, isGivenBack: false, isReusable: false });
    return frame;
  }

  /** Notes that somebody else refers to the memory of a view as well, so that it is not used again. */
  share({ buffer }: Uint8Array): void {
    if (buffer.byteLength > MAX_READ_BYTES) this.#owned.delete(buffer);
  }

  /** Notes that a transport gets a view to write. If nobody holds its memory until it is written, that is not used again. */
  handOver({ buffer }: Uint8Array): void {
    if (buffer.byteLength > MAX_READ_BYTES && this.#owned.get(buffer)?.sends === 0)
      this.#owned.delete(buffer);
  }

  /**
   * Notes that a view is sent, which needs its memory until `written`.
   *
   * @returns whether that is the memory of a large frame
   */
  holdUntilWritten({ buffer }: Uint8Array): boolean {
    const holders = buffer.byteLength > MAX_READ_BYTES ? this.#owned.get(buffer) : undefined;
    if (holders === undefined) return false;
    holders.sends += 1;
    return true;
  }

  /** Notes that what `holdUntilWritten` noted is written, so that no transport reads it any more. */
  written({ buffer }: Uint8Array): void {
    const holders = this.#owned.get(buffer);
    if (holders === undefined) return;
    holders.sends -= 1;
    if (holders.isGivenBack) this.#useAgain(buffer, holders);
  }

  /**
   * Gives back the memory of a large frame by any view on it, for the next one: all views on it are empty from now on, or
   * when what was sent of it is written. Does nothing where others refer to that memory too.
   *
   * @returns whether it is given back, now or then
   */
  giveBack({ buffer }: Uint8Array): boolean {
    const holders = buffer.byteLength > MAX_READ_BYTES ? this.#owned.get(buffer) : undefined;
    if (holders === undefined) return false;
    holders.isGivenBack = true;
    this.#useAgain(buffer, holders);
    return true;
  }

  #useAgain(buffer: ArrayBufferLike, { sends, isReusable }: Holders): void {
    if (sends > 0) return;
    this.#owned.delete(buffer);
    const piece = detached(buffer);
    if (piece === undefined || !isReusable) return;
    this.#idle.push({ piece, since: performance.now() });
    this.#idleBytes += piece.byteLength;
    while (this.#idleBytes > MAX_IDLE_BYTES || this.#idle.length > MAX_IDLE_PIECES) this.#removeIdle(0);
    this.#trimLater();
  }

  /** Of the pieces that fit, the last one used: a part of it may still be in the caches of the processor. */
  #takeIdle(bytes: number): ArrayBuffer | undefined {
    const index = this.#idle.findLastIndex(
      ({ piece: { byteLength } }) => byteLength >= bytes && byteLength <= bytes * MAX_WASTE,
    );
    return index === -1 ? undefined : this.#removeIdle(index);
  }

  #removeIdle(index: number): ArrayBuffer | undefined {
    const [removed] = this.#idle.splice(index, 1);
    this.#idleBytes -= removed?.piece.byteLength ?? 0;
    return removed?.piece;
  }

  /** Lets go of pieces that nobody has used for a while. The timer keeps no process alive. */
  #trimLater(): void {
    if (this.#isTrimming || this.#idle.length === 0) return;
    this.#isTrimming = true;
    const timer: unknown = setTimeout(() => {
      this.#isTrimming = false;
      const latest = performance.now() - IDLE_MS;
      while ((this.#idle[0]?.since ?? Infinity) <= latest) this.#removeIdle(0);
      this.#trimLater();
    }, IDLE_MS);
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref();
  }
}

/** That of the process. */
export const frameMemory = new FrameMemory();

/**
 * The same memory under a new ArrayBuffer. Views on the old one are empty, so that no view sees another frame's bytes.
 *
 * `undefined` where the receiver has given the memory to somebody else, a worker for example, or it cannot be detached.
 */
function detached(buffer: ArrayBufferLike): ArrayBuffer | undefined {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0) return undefined;
  try {
    const piece = structuredClone(buffer, { transfer: [buffer] });
    // Node 20 copies what is marked as untransferable.
    return buffer.byteLength === 0 ? piece : undefined;
  } catch {
    return undefined;
  }
}
