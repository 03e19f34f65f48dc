import type { Duplex } from 'node:stream';

import { returnMemory } from './borrowed-memory.js';
import { WriteBatch } from './write-batch.js';

/** The largest write. A slow peer shows a sign of life between two of them. */
const WRITE_BYTES = 1024 * 1024;

/** Under TLS, Node joins the pieces of a vectored write in fresh memory. Pieces of this size, on average, go one by one. */
const LONE_BYTES = 64 * 1024;

/** The connection of a writer. */
export interface WriterHost {
  /** Whether messages may still go out. */
  isOpen(): boolean;
  /**
   * A write has gone to the operating system.
   *
   * @param waited - whether it had to wait for the peer
   */
  written(waited: boolean): void;
}

/** Writes a batch to a socket. Everything that was added in one tick leaves together. */
export class SocketWriter {
  /** Add here, then call {@link SocketWriter.schedule}. */
  readonly batch = new WriteBatch();
  readonly #socket: Duplex;
  readonly #host: WriterHost;
  readonly #isEncrypted: boolean;
  #inFlightBytes = 0;
  #inFlightFrames = 0;
  #writtenBytes = 0;
  #borrowed: Uint8Array | undefined;
  #isScheduled = false;
  #isWaiting = false;

  constructor(socket: Duplex, host: WriterHost) {
    this.#socket = socket;
    this.#host = host;
    this.#isEncrypted = 'encrypted' in socket;
  }

  get bytes(): number {
    return this.batch.bytes + this.#inFlightBytes;
  }

  get frames(): number {
    return this.batch.frames + this.#inFlightFrames;
  }

  /** Of `bytes`, those that a write under way has. */
  get unconfirmedBytes(): number {
    return this.#inFlightBytes;
  }

  /** Of `frames`, those that a write under way ends. */
  get unconfirmedFrames(): number {
    return this.#inFlightFrames;
  }

  /** What the stream has taken since the beginning. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Writes at the end of this tick, or after the write in flight. */
  schedule(): void {
    if (this.#isScheduled || this.#inFlightBytes > 0) return;
    this.#isScheduled = true;
    queueMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isScheduled = false;
    const isIdle = this.batch.bytes > 0 && this.#inFlightBytes === 0;
    if (!isIdle || !this.#host.isOpen() || this.#socket.destroyed) return;
    const { pieces, bytes, frames, borrowed } = this.batch.take(WRITE_BYTES);
    this.#inFlightBytes = bytes;
    this.#inFlightFrames = frames;
    this.#borrowed = borrowed;
    if (this.#isEncrypted && bytes >= pieces.length * LONE_BYTES) this.#writeEach(pieces, 0);
    else this.#writeAll(pieces);
  };

  #writeAll(pieces: readonly Uint8Array[]): void {
    this.#socket.cork();
    let left = pieces.length;
    for (const piece of pieces) {
      left -= 1;
      if (left > 0) this.#socket.write(piece);
      else this.#socket.write(piece, this.#written);
    }
    this.#socket.uncork();
    this.#isWaiting = this.#socket.writableLength > 0;
  }

  /** The next piece when the one before is written, since those that wait would be joined. */
  #writeEach(pieces: readonly Uint8Array[], index: number): void {
    const next = index + 1;
    const written = (error?: Error | null): void => {
      if (error === undefined || error === null) this.#writeEach(pieces, next);
    };
    this.#socket.write(pieces[index], next === pieces.length ? this.#written : written);
    this.#isWaiting = this.#socket.writableLength > 0;
  }

  readonly #written = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return; // The socket's error event reports it.
    if (this.#borrowed !== undefined) returnMemory(this.#borrowed);
    this.#borrowed = undefined;
    this.#writtenBytes += this.#inFlightBytes;
    this.#inFlightBytes = 0;
    this.#inFlightFrames = 0;
    const waited = this.#isWaiting;
    this.#flush();
    this.#host.written(waited);
  };
}
