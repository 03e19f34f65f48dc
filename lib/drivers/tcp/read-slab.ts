import { MAX_READ_BYTES } from '../../wire/frame-memory.js';
import { allocateUnsafe } from '../node/allocate-unsafe.js';

const SLAB_BYTES = MAX_READ_BYTES;

/** A read of this many bytes makes a socket busy: under TLS a read is a record. A slab with less room is replaced. */
const BUSY_BYTES = 16 * 1024;

/** Maximum slabs of the process: a busy socket that falls silent retains its slab until it reads again. */
const MAX_SLABS = 16;

let slabs = 0;

/** Read memory of a busy socket: what is read there needs no copy. A socket that is not busy has none. */
export class ReadSlab {
  #memory: Uint8Array | undefined;
  #end = 0;

  /** Where the next read goes; `undefined` if the socket is not busy. */
  get room(): Uint8Array | undefined {
    // A receiver may have transferred the memory of a payload.
    if (this.#memory?.length === 0) this.#renew();
    return this.#memory?.subarray(this.#end);
  }

  /** Notes a read of `bytes` bytes, into `room` if there was one. */
  noteRead(bytes: number): void {
    this.#end += bytes;
    if (bytes < BUSY_BYTES) this.free();
    else if (this.#memory === undefined) this.#begin();
    else if (this.#memory.length - this.#end < BUSY_BYTES) this.#renew();
  }

  /** Gives the slab up. Views on it stay valid. */
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
