import { HANDSHAKE_FRAME_BYTES } from '../../transport/base-connection.js';
import { CHUNKS_FAULT, type MessageFault, tooLarge, tooManyFragments } from './message-fault.js';

/** Bytes beyond the limit of a frame that are no fault: framing of its fragments, and the start of the next message. */
const SLACK_BYTES = 64 * 1024;

/** Maximum fragments of a message before the handshake, of at most 64 KiB. */
const MAX_HANDSHAKE_FRAGMENTS = 128;

/** `ws` keeps each chunk of an incomplete message, which takes about 1 KB. This is how many small chunks are allowed. */
const MAX_SMALL_CHUNKS = 4_096;

/** Above that number the bytes per chunk, on average. */
const MIN_CHUNK_BYTES = 128;

/** The limits of a message that is arriving. `ws` has limits too, but one for the whole connection. */
export class Arrival {
  #bytes = 0;
  /** Chunks since the last message, ping or pong, before which `ws` has consumed what came. */
  #chunks = 0;

  /**
   * Notes what `ws` is to read next.
   *
   * @param fragments - how many its message has so far
   * @param maxFrameBytes - grows after the handshake; then `WS_OPTIONS` limits the fragments
   * @returns why the message is refused
   */
  push(bytes: number, fragments: number, maxFrameBytes: number): MessageFault | undefined {
    this.#bytes += bytes;
    this.#chunks += 1;
    if (this.#bytes > maxFrameBytes + SLACK_BYTES) return tooLarge(maxFrameBytes, 'more');
    if (this.#chunks > MAX_SMALL_CHUNKS && this.#bytes < this.#chunks * MIN_CHUNK_BYTES) return CHUNKS_FAULT;
    return maxFrameBytes <= HANDSHAKE_FRAME_BYTES && fragments > MAX_HANDSHAKE_FRAGMENTS
      ? tooManyFragments(MAX_HANDSHAKE_FRAGMENTS)
      : undefined;
  }

  /** Notes that a message is complete. */
  completed(): void {
    this.#bytes = 0;
    this.#chunks = 0;
  }

  /** Notes a ping or pong, which may stand between the fragments of a message. */
  controlled(): void {
    this.#chunks = 0;
  }
}
