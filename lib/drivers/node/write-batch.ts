import { borrowMemory } from './borrowed-memory.js';

/** Small frames are copied one behind the other into slabs of this size, so that many leave in one write. */
const SLAB_BYTES = 64 * 1024;

/** A payload over this goes by reference: copying it would cost more than one more piece in the write. */
const COPY_BYTES = 8 * 1024;

/** The slab in use. One for all connections: ten thousand idle ones need none of their own. */
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let slabEnd = 0;

const NO_SLAB = Buffer.alloc(0);

/** A large payload whose bytes are only made when they are written, in memory that is used again afterwards. */
export interface LazyPayload {
  readonly length: number;
  /** A part of it. */
  subarray(begin: number, end?: number): LazyPayload;
  /** Makes all bytes of it. */
  writeTo(target: Uint8Array): void;
}

/** Pieces to write together. */
export interface Batch {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  /** How many frames end in these pieces. */
  readonly frames: number;
  /** Where lazy payloads were written to: to be returned when nobody reads the pieces any more. */
  readonly borrowed?: Uint8Array | undefined;
}

/** Gathers frames into few pieces of memory for one vectored write. */
export class WriteBatch {
  #pieces: (Uint8Array | LazyPayload)[] = [];
  /** How many frames end in each piece. */
  #pieceFrames: number[] = [];
  /** The piece that grows: a part of a slab, from its start to its end so far. */
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

  /** Adds one frame. `head` is copied, a large or lazy `payload` is kept by reference. */
  add(head: Uint8Array, payload: Uint8Array | LazyPayload | undefined): void {
    this.#frames += 1;
    this.#bytes += head.length;
    this.#copy(head);
    if (payload !== undefined) {
      this.#bytes += payload.length;
      if (payload.length > COPY_BYTES || !(payload instanceof Uint8Array)) {
        this.#seal();
        this.#pieces.push(payload);
        this.#pieceFrames.push(1);
        return;
      }
      this.#copy(payload);
    }
    this.#openFrames += 1;
  }

  /** Takes out the oldest pieces, up to `maxBytes`. A large payload is cut there. */
  take(maxBytes: number): Batch {
    this.#seal();
    let count = 0;
    let bytes = 0;
    let frames = 0;
    let lazyBytes = 0;
    while (count < this.#pieces.length && bytes < maxBytes) {
      const piece = this.#pieces[count] ?? this.#slab;
      const room = maxBytes - bytes;
      if (piece.length > room) {
        this.#pieces.splice(count, 1, piece.subarray(0, room), piece.subarray(room));
        this.#pieceFrames.splice(count, 0, 0);
      }
      const taken = Math.min(piece.length, room);
      bytes += taken;
      if (!(piece instanceof Uint8Array)) lazyBytes += taken;
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

  /** Copies into the slab that all connections share. The open piece grows unless another one wrote behind it. */
  #copy(bytes: Uint8Array): void {
    if (slab.length - slabEnd < bytes.length) {
      slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes.length));
      slabEnd = 0;
    }
    if (this.#slab !== slab || this.#end !== slabEnd) {
      this.#seal();
      this.#slab = slab;
      this.#start = slabEnd;
    }
    slab.set(bytes, slabEnd);
    slabEnd += bytes.length;
    this.#end = slabEnd;
  }

  /** An idle connection must not keep a slab alive that others have long left. */
  #forgetSlab(): void {
    this.#slab = NO_SLAB;
    this.#start = 0;
    this.#end = 0;
  }

  /** Makes what was copied since the last time a piece. */
  #seal(): void {
    if (this.#end === this.#start) return;
    this.#pieces.push(this.#slab.subarray(this.#start, this.#end));
    this.#pieceFrames.push(this.#openFrames);
    this.#start = this.#end;
    this.#openFrames = 0;
  }
}

/** The pieces with the lazy ones among them written to the memory, one behind the other. */
function made(pieces: readonly (Uint8Array | LazyPayload)[], memory: Uint8Array): Uint8Array[] {
  let end = 0;
  return pieces.map((piece) => {
    if (piece instanceof Uint8Array) return piece;
    const target = memory.subarray(end, (end += piece.length));
    piece.writeTo(target);
    return target;
  });
}
