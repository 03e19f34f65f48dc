import { allocateUnsafe } from '../node/allocate-unsafe.js';

const SLAB_BYTES = 256 * 1024;

/** A read of so many bytes makes a socket a busy one. A slab with less room is used up, so a full read is one too. */
const BUSY_BYTES = 32 * 1024;

/** A busy socket that falls silent keeps its slab until it reads again. Not more than so many may. */
const MAX_SLABS = 16;

let slabs = 0;

/** Memory of its own for a socket that is busy: what is read there needs no copy. Others have none. */
export class ReadSlab {
  #memory: Uint8Array | undefined;
  #end = 0;

  /** Where the next read may go. */
  get room(): Uint8Array | undefined {
    return this.#memory?.subarray(this.#end);
  }

  /** A read took so many bytes, into `room` where there was one. */
  noteRead(bytes: number): void {
    this.#end += bytes;
    if (bytes < BUSY_BYTES) this.free();
    else if (this.#memory === undefined) this.#begin();
    else if (this.#memory.length - this.#end < BUSY_BYTES) this.#renew();
  }

  /** Nothing more is read here. Views on it stay as they are. */
  free(): void {
    if (this.#memory === undefined) return;
    this.#memory = undefined;
    slabs -= 1;
  }

  #begin(): void {
    if (slabs === MAX_SLABS) return;
    slabs += 1;
    this.#renew();
  }

  #renew(): void {
    this.#memory = allocateUnsafe(SLAB_BYTES);
    this.#end = 0;
  }
}
