import type { OnReadOpts } from 'node:net';
import type { Duplex } from 'node:stream';

import { MAX_READ_BYTES } from '../../wire/frame-memory.js';
import { FrameSplitter } from '../../wire/frame-splitter.js';
import { allocateFrame, allocateUnsafe } from '../node/allocate-unsafe.js';
import { plainBytes } from '../node/plain-bytes.js';
import { ReadSlab } from './read-slab.js';

/** The read buffer that sockets share. Each read is copied out of it before the next begins. */
const sharedBuffer = new Uint8Array(MAX_READ_BYTES);

/** Read behind a large frame: enough to see the next frame's prefix, and little to copy. */
const peekBuffer = sharedBuffer.subarray(0, 4 * 1024);

/** The connection of a reader. */
export interface ReaderHost {
  /** The largest frame to accept. It may change at any time. */
  maxFrameBytes(): number;
  /** Bytes arrived, whether they complete a frame or not. */
  alive(): void;
  received(frame: Uint8Array): void;
  /** The stream ended behind a whole frame. */
  ended(): void;
  /** The bytes are no frames, or the stream ended in the middle of one. */
  failed(error: unknown): void;
}

/**
 * Reads the frames of a socket.
 *
 * Node gives each read fresh memory of 64 KiB, from which a large frame must be copied together. A socket made with
 * {@link FrameReader.onread} reads the rest of a large frame straight into the frame's memory instead, in one read where
 * possible, which is twice as fast. A busy one reads many small frames at once into a slab; the frames are views on it.
 * Other streams are read by `data` events.
 */
export class FrameReader {
  /** Option for creating a socket, which must stay paused until {@link FrameReader.start}. */
  readonly onread = {
    buffer: () => this.#nextBuffer(),
    callback: (bytes: number, buffer: Uint8Array) => this.#read(bytes, buffer),
  } satisfies OnReadOpts;
  readonly #splitter = new FrameSplitter(allocateFrame);
  readonly #slab = new ReadSlab();
  #host: ReaderHost | undefined;
  /** What came before the start: under TLS, what the peer sent along with the end of the handshake. */
  #early: Uint8Array[] = [];
  #isInPlace = false;
  /** Whether the last read went straight into a frame. */
  #wasLarge = false;

  /** Begins to read. */
  start(socket: Duplex, host: ReaderHost): void {
    this.#host = host;
    if (!this.#isInPlace) socket.on('data', (chunk: Uint8Array) => this.#push(chunk));
    for (const chunk of this.#early.splice(0)) this.#push(chunk);
    // A stream that was paused on purpose, as accepted sockets are, does not flow by a listener alone.
    socket.resume();
    socket.on('end', () => this.#finish(host));
  }

  /** Frees the slab, when the socket is closed. */
  stop(): void {
    this.#slab.free();
  }

  #nextBuffer(): Uint8Array {
    this.#isInPlace = true;
    return this.#splitter.room ?? (this.#wasLarge ? peekBuffer : (this.#slab.room ?? sharedBuffer));
  }

  #read(bytes: number, buffer: Uint8Array): boolean {
    if (this.#host === undefined) {
      this.#early.push(copyOf(buffer.subarray(0, bytes)));
      return true;
    }
    this.#wasLarge = this.#splitter.room !== undefined;
    if (this.#wasLarge) {
      this.#splitter.fill(bytes);
      this.#shift();
    } else {
      const chunk = buffer.subarray(0, bytes);
      this.#slab.noteRead(bytes);
      this.#push(buffer.buffer === sharedBuffer.buffer ? copyOf(chunk) : chunk);
    }
    return true;
  }

  #push(chunk: Uint8Array): void {
    this.#splitter.push(plainBytes(chunk));
    this.#shift();
  }

  #finish(host: ReaderHost): void {
    try {
      this.#splitter.finish();
      host.ended();
    } catch (error) {
      host.failed(error);
    }
  }

  #shift(): void {
    const host = this.#host;
    if (host === undefined) return;
    host.alive();
    try {
      let frame: Uint8Array | undefined;
      while ((frame = this.#splitter.shift(host.maxFrameBytes())) !== undefined) host.received(frame);
    } catch (error) {
      host.failed(error);
    }
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = allocateUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}
