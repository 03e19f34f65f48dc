import { frameMemory } from './frame-memory.js';
import { MAX_HEADER_BYTES } from './prefix.js';

/**
 * A unit up to this size gets its memory as soon as its length is known: also a frame with 1 MiB behind its headers, as
 * chunks of NVFlare's streams are.
 */
const EAGER_BYTES = 1024 * 1024 + MAX_HEADER_BYTES;

/** A larger one gets this many times what has arrived, so that a declared length alone costs nothing. */
const GROWTH = 8;

/** Less room than this is not worth a read of its own. */
const ROOM_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

/** Allocates that many bytes. They may have any content. */
export type Allocate = (bytes: number) => Uint8Array;

/** Puts together in memory of its own what straddles chunks: a frame, or a message with a frame in it. */
export class Assembly {
  readonly #allocate: Allocate;
  #memory: Uint8Array = NOTHING;
  #collected = 0;

  constructor(allocate: Allocate) {
    this.#allocate = allocate;
  }

  /** How much of the unit is here; 0 where none has begun. */
  get length(): number {
    return this.#collected;
  }

  /** What is here, and behind that what comes. */
  get memory(): Uint8Array {
    return this.#memory;
  }

  /**
   * The memory that the next bytes of a large unit go to, once it has begun. Who reads them straight into it, and says
   * so with `fill`, spares a copy.
   */
  get room(): Uint8Array | undefined {
    const isLarge = this.#memory.length - this.#collected >= ROOM_BYTES;
    return isLarge ? this.#memory.subarray(this.#collected) : undefined;
  }

  /** The number of bytes that were put into `room`. */
  fill(bytes: number): void {
    this.#collected += bytes;
  }

  /** Copies from a chunk what is missing to `target` bytes, as far as it is there; says how much that was. */
  collect(target: number, chunk: Uint8Array, start: number): number {
    const count = Math.min(target - this.#collected, chunk.length - start);
    if (count <= 0) return 0;
    this.#reserve(this.#collected + count, target);
    this.#memory.set(chunk.subarray(start, start + count), this.#collected);
    this.#collected += count;
    return count;
  }

  /** Hands over the whole unit, and is empty again. */
  take(): Uint8Array {
    const unit = this.#memory;
    this.#memory = NOTHING;
    this.#collected = 0;
    return unit;
  }

  #reserve(needed: number, target: number): void {
    if (needed <= this.#memory.length) return;
    const outgrown = this.#memory;
    this.#memory = this.#allocate(Math.min(target, Math.max(EAGER_BYTES, needed * GROWTH)));
    this.#memory.set(outgrown.subarray(0, this.#collected));
    frameMemory.giveBack(outgrown);
  }
}
