import { CommError, CommErrorCode } from '../../comm-error.js';
import { allocateUnsafe } from '../allocate-unsafe.js';
import { decodeFrameMessage, MESSAGE_OVERHEAD_BYTES, PREFIX_BYTES } from './frame-message.js';

/** A message up to this size gets its memory as soon as its length is known. */
const EAGER_BYTES = 1024 * 1024;

/** A larger one gets this many times what has arrived, so that a declared length alone costs nothing. */
const GROWTH = 8;

const NOTHING = new Uint8Array(0);

/**
 * Cuts the bytes of a gRPC stream into messages and takes the frame out of each: `push` a chunk, then `shift` frames
 * until there are none.
 *
 * A frame inside one chunk is a view on it. One that straddles chunks is copied into memory of its own.
 */
export class MessageSplitter {
  /** The chunk at hand, and how much of it is consumed. */
  #chunk: Uint8Array = NOTHING;
  #consumed = 0;
  /** The start of a message that straddles chunks, and how much of it has arrived. */
  #message: Uint8Array = NOTHING;
  #collected = 0;

  /** Bytes that wait for the rest of their message. */
  get pendingBytes(): number {
    return this.#collected + this.#chunk.length - this.#consumed;
  }

  /** Hands over the next chunk. All frames of the one before must have been shifted. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#consumed = 0;
  }

  /**
   * The next whole frame, or `undefined` when more bytes are needed.
   *
   * @param maxFrameBytes - the largest frame to accept
   * @throws CommError `BAD_DATA` where a message is compressed, too large or no `Frame`: the stream cannot go on
   */
  shift(maxFrameBytes: number): Uint8Array | undefined {
    const start = this.#consumed;
    const available = this.#chunk.length - start;
    if (this.#collected === 0 && available >= PREFIX_BYTES) {
      const length = messageLength(this.#chunk, start, maxFrameBytes);
      if (length <= available) {
        this.#consumed += length;
        return frameOf(this.#chunk, start, this.#consumed, maxFrameBytes);
      }
    }
    return this.#collectFrame(maxFrameBytes);
  }

  #collectFrame(maxFrameBytes: number): Uint8Array | undefined {
    if (!this.#collect(PREFIX_BYTES)) return undefined;
    const length = messageLength(this.#message, 0, maxFrameBytes);
    if (!this.#collect(length)) return undefined;
    const message = this.#message;
    this.#message = NOTHING;
    this.#collected = 0;
    return frameOf(message, 0, length, maxFrameBytes);
  }

  /** Moves bytes from the chunk to the message until it has `target` bytes; says whether it has. */
  #collect(target: number): boolean {
    const count = Math.min(target - this.#collected, this.#chunk.length - this.#consumed);
    if (count > 0) {
      this.#reserve(this.#collected + count, target);
      this.#message.set(this.#chunk.subarray(this.#consumed, this.#consumed + count), this.#collected);
      this.#consumed += count;
      this.#collected += count;
    }
    return this.#collected >= target;
  }

  #reserve(needed: number, target: number): void {
    if (needed <= this.#message.length) return;
    const grown = allocateUnsafe(Math.min(target, Math.max(EAGER_BYTES, needed * GROWTH)));
    grown.set(this.#message.subarray(0, this.#collected));
    this.#message = grown;
  }
}

/** The length of a message and its prefix, checked the moment it is known. */
function messageLength(bytes: Uint8Array, at: number, maxFrameBytes: number): number {
  if (bytes[at] !== 0) throw badMessage('it is compressed, which was not agreed on');
  const high = ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  const low = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0);
  const length = high * 0x1_0000 + low;
  if (length > maxFrameBytes + MESSAGE_OVERHEAD_BYTES) throw tooLarge(maxFrameBytes, length);
  return PREFIX_BYTES + length;
}

function frameOf(bytes: Uint8Array, start: number, end: number, maxFrameBytes: number): Uint8Array {
  const frame = decodeFrameMessage(bytes, start + PREFIX_BYTES, end);
  if (frame.length > maxFrameBytes) throw tooLarge(maxFrameBytes, frame.length);
  return frame;
}

function tooLarge(maxFrameBytes: number, length: number): CommError {
  return badMessage(`expected a frame of at most ${maxFrameBytes} bytes, got ${length}`);
}

function badMessage(detail: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `bad gRPC message: ${detail}`);
}
