import { CommError, CommErrorCode } from '../comm-error.js';
import { Fifo } from '../transport/fifo.js';

/** Makes chunks of one size of pieces of any: the last alone may be smaller. */
export class Chunker {
  readonly #chunkBytes: number;
  readonly #pieces = new Fifo<Uint8Array>();
  #bytes = 0;

  /** @param chunkBytes - the size of all chunks but the last */
  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  /** What waits here, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a piece. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /**
   * The next chunk. A full one waits until something follows, since it may be the last.
   *
   * @param isEnd - no piece follows
   * @throws CommError `BAD_DATA` where a piece has lost bytes since it was added
   */
  take(isEnd: boolean): { readonly bytes: Uint8Array; readonly isFinal: boolean } | undefined {
    if (this.#bytes > this.#chunkBytes) return { bytes: this.#cut(this.#chunkBytes), isFinal: false };
    return isEnd ? { bytes: this.#cut(this.#bytes), isFinal: true } : undefined;
  }

  #cut(length: number): Uint8Array {
    if (length === 0) return new Uint8Array();
    this.#bytes -= length;
    const first = this.#next();
    this.#rest = first.length > length ? first.subarray(length) : undefined;
    if (first.length >= length) return first.subarray(0, length);
    const chunk = new Uint8Array(length);
    chunk.set(first);
    for (let offset = first.length; offset < length;) {
      const piece = this.#next();
      const room = length - offset;
      chunk.set(piece.subarray(0, room), offset);
      this.#rest = piece.length > room ? piece.subarray(room) : undefined;
      offset += piece.length;
    }
    return chunk;
  }

  #next(): Uint8Array {
    const piece = this.#rest ?? this.#pieces.shift();
    if (piece === undefined || piece.length === 0)
      throw new CommError(
        CommErrorCode.BAD_DATA,
        'a piece of a stream is shorter than it was: was it transferred?',
      );
    this.#rest = undefined;
    return piece;
  }

  /** What is left of a piece that was cut. */
  #rest: Uint8Array | undefined;
}
