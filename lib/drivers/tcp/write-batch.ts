/** Small frames are copied one behind the other into slabs of this size, so that many leave in one write. */
const SLAB_BYTES = 64 * 1024;

/** A payload over this goes by reference: copying it would cost more than one more piece in the write. */
const COPY_BYTES = 8 * 1024;

/** Pieces to write together. */
export interface Batch {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  /** How many frames end in these pieces. */
  readonly frames: number;
}

/** Gathers frames into few pieces of memory for one vectored write. */
export class WriteBatch {
  #pieces: Uint8Array[] = [];
  /** How many frames end in each piece. */
  #pieceFrames: number[] = [];
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #sealed = 0;
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

  /** Adds one frame. `head` is copied, a large `payload` is kept by reference. */
  add(head: Uint8Array, payload: Uint8Array | undefined): void {
    this.#frames += 1;
    this.#bytes += head.length;
    this.#copy(head);
    if (payload !== undefined) {
      this.#bytes += payload.length;
      if (payload.length > COPY_BYTES) {
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
    while (count < this.#pieces.length && bytes < maxBytes) {
      const piece = this.#pieces[count] ?? this.#slab;
      const room = maxBytes - bytes;
      if (piece.length > room) {
        this.#pieces.splice(count, 1, piece.subarray(0, room), piece.subarray(room));
        this.#pieceFrames.splice(count, 0, 0);
      }
      bytes += Math.min(piece.length, room);
      frames += this.#pieceFrames[count] ?? 0;
      count += 1;
    }
    const pieces = this.#pieces.splice(0, count);
    this.#pieceFrames.splice(0, count);
    this.#bytes -= bytes;
    this.#frames -= frames;
    return { pieces, bytes, frames };
  }

  #copy(bytes: Uint8Array): void {
    if (this.#slab.length - this.#end < bytes.length) {
      this.#seal();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes.length));
      this.#sealed = 0;
      this.#end = 0;
    }
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Makes what was copied since the last time a piece. The rest of the slab stays in use. */
  #seal(): void {
    if (this.#end === this.#sealed) return;
    this.#pieces.push(this.#slab.subarray(this.#sealed, this.#end));
    this.#pieceFrames.push(this.#openFrames);
    this.#sealed = this.#end;
    this.#openFrames = 0;
  }
}
