import { isBytes } from '../../is-bytes.js';
import { borrowMemory } from './borrowed-memory.js';

/** Small frames are copied into slabs of this size, so that many leave in one write. */
const SLAB_BYTES = 64 * 1024;

/** A larger payload is written by reference: a copy would cost more than one more piece in the write. */
const COPY_BYTES = 8 * 1024;

/** Whether a payload goes by reference. */
export function isLarge({ length }: Uint8Array): boolean {
  return length > COPY_BYTES;
}

/** The current slab. All connections share it, so that idle ones need no memory. */
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let slabEnd = 0;

const NO_SLAB = Buffer.alloc(0);

/** A large payload whose bytes are produced when they are written, into memory that is reused afterwards. */
export interface LazyPayload {
  readonly length: number;
  /** A part of the payload. */
  subarray(begin: number, end?: number): LazyPayload;
  /** Writes all its bytes to `target`. */
  writeTo(target: Uint8Array): void;
}

/** Pieces for one write. */
export interface Batch {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  /** How many frames end in these pieces. */
  readonly frames: number;
  /** The memory of lazy payloads, to be returned when the write is done. */
  readonly borrowed?: Uint8Array | undefined;
}

/** Collects frames into few pieces of memory for one vectored write. */
export class WriteBatch {
  #pieces: (Uint8Array | LazyPayload)[] = [];
  /** How many frames end in each piece. */
  #pieceFrames: number[] = [];
  /** The open piece: the part of a slab from `#start` to `#end`, which grows. */
  #slab = NO_SLAB;
  #start = 0;
  #end = 0;
  #openFrames = 0;
  #bytes = 0;
  #frames = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get frames(): number {
    return this.#frames;
  }

  /** The memory in which the last {@link WriteBatch.reserve} found room. */
  get memory(): Uint8Array {
    return this.#slab;
  }

  /** Adds one frame. Copies `head`; keeps a large or lazy `payload` by reference. */
  add(head: Uint8Array, payload: Uint8Array | LazyPayload | undefined): void {
    const copied = isBytes(payload) && !isLarge(payload) ? payload : undefined;
    const start = this.reserve(head.length + (copied?.length ?? 0));
    slab.set(head, start);
    if (copied !== undefined) slab.set(copied, start + head.length);
    this.endFrame(copied === undefined ? payload : undefined);
  }

  /**
   * Makes room for the beginning of a frame, or for all of it, which the caller writes to {@link WriteBatch.memory} at
   * once.
   *
   * @returns where it begins there
   */
  reserve(bytes: number): number {
    if (slab.length - slabEnd < bytes) {
      slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      slabEnd = 0;
    }
    // The open piece grows unless another connection wrote behind it.
    if (this.#slab !== slab || this.#end !== slabEnd) {
      this.#seal();
      this.#slab = slab;
      this.#start = slabEnd;
    }
    const start = slabEnd;
    this.#end = slabEnd += bytes;
    this.#bytes += bytes;
    return start;
  }

  /**
   * Ends the frame that was begun.
   *
   * @param payload - the rest of it, kept by reference
   * @param frames - 0 for what the transport itself adds, such as a WebSocket pong. Default: 1.
   */
  endFrame(payload: Uint8Array | LazyPayload | undefined, frames: 0 | 1 = 1): void {
    this.#frames += frames;
    if (payload === undefined) {
      this.#openFrames += frames;
      return;
    }
    this.#bytes += payload.length;
    this.#seal();
    this.#pieces.push(payload);
    this.#pieceFrames.push(frames);
  }

  /**
   * Takes out the oldest pieces, up to `maxBytes`. A large payload is cut there. A piece of many small frames is not,
   * since nobody would know which of them are out, unless `isExact`: `maxBytes` is the end of a frame.
   */
  take(maxBytes: number, isExact = false): Batch {
    this.#seal();
    let count = 0;
    let bytes = 0;
    let frames = 0;
    let lazyBytes = 0;
    while (count < this.#pieces.length && bytes < maxBytes) {
      const piece = this.#pieces[count] ?? this.#slab;
      const room = maxBytes - bytes;
      if (piece.length > room) {
        if (!isExact && count > 0 && piece.length <= SLAB_BYTES) break;
        this.#pieces.splice(count, 1, piece.subarray(0, room), piece.subarray(room));
        this.#pieceFrames.splice(count, 0, 0);
      }
      const taken = Math.min(piece.length, room);
      bytes += taken;
      if (!isBytes(piece)) lazyBytes += taken;
      frames += this.#pieceFrames[count] ?? 0;
      count += 1;
    }
    const pieces = this.#pieces.splice(0, count);
    this.#pieceFrames.splice(0, count);
    this.#bytes -= bytes;
    this.#frames -= frames;
    if (this.#bytes === 0) this.#forgetSlab();
    if (lazyBytes === 0) return { pieces: pieces as Uint8Array[], bytes, frames };
    const borrowed = borrowMemory(lazyBytes);
    return { pieces: made(pieces, borrowed), bytes, frames, borrowed };
  }

  /** Drops the reference to the slab: an idle connection must not retain one that is no longer current. */
  #forgetSlab(): void {
    this.#slab = NO_SLAB;
    this.#start = 0;
    this.#end = 0;
  }

  /** Turns what was copied since the last piece into one. */
  #seal(): void {
    if (this.#end === this.#start) return;
    this.#pieces.push(this.#slab.subarray(this.#start, this.#end));
    this.#pieceFrames.push(this.#openFrames);
    this.#start = this.#end;
    this.#openFrames = 0;
  }
}

/** The pieces, with the lazy ones written to `memory` one behind the other. */
function made(pieces: readonly (Uint8Array | LazyPayload)[], memory: Uint8Array): Uint8Array[] {
  let end = 0;
  return pieces.map((piece) => {
    if (isBytes(piece)) return piece;
    const target = memory.subarray(end, (end += piece.length));
    piece.writeTo(target);
    return target;
  });
}
