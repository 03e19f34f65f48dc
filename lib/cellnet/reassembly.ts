import type { MessageHeaders } from '../message.js';
import { Header } from './headers.js';
import { countOf, DataType, StreamHeader } from './stream-headers.js';

/** What was taken of a chunk. */
export type Taken =
  /** The bytes that are now in order; none where an earlier chunk is missing. */
  | { readonly kind: 'pieces'; readonly pieces: readonly Uint8Array[] }
  /** It came before, or the stream was whole without it. */
  | { readonly kind: 'superfluous' }
  /** The sender breaks the rules; the text says how. */
  | { readonly kind: 'fault'; readonly text: string };

interface Ahead {
  readonly bytes: Uint8Array;
  readonly offset: number | undefined;
  readonly isFinal: boolean;
}

/** As NVFlare bounds it: `required_out_seq_chunks` of `nvflare/fuel/f3/streaming/byte_receiver.py`. */
const MIN_AHEAD = 17;
const MAX_AHEAD = 1_024;

/** Smaller payloads are copied: they would retain the memory that they were read into. */
const COPY_BELOW_BYTES = 16_384;

/** Puts the chunks of a stream in order. NVFlare sends them in disorder, since many threads do. */
export class Reassembly {
  readonly #ahead = new Map<number, Ahead>();
  #next = 0;
  #received = 0;
  #size: number | undefined;
  #isWhole = false;

  /** The last sequence of which all before have come; -1 before the first. */
  get sequence(): number {
    return this.#next - 1;
  }

  /** Bytes that came in order. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** All has come. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Takes one chunk. */
  take(headers: MessageHeaders, payload: Uint8Array = new Uint8Array()): Taken {
    const sequence = countOf(headers[StreamHeader.SEQUENCE]);
    const size = countOf(headers[StreamHeader.SIZE] ?? 0);
    if (sequence === undefined) return fault('a chunk has no sequence');
    if (size === undefined) return fault('the size is not a count of bytes');
    this.#size ??= size;
    if (size !== this.#size) return fault(`the size changes from ${this.#size} to ${size}`);
    if (this.#isWhole || sequence < this.#next || this.#ahead.has(sequence)) return { kind: 'superfluous' };
    if (headers[Header.ENCRYPTED] === true) return fault('a chunk is encrypted');
    if (sequence > this.#next && this.#ahead.size >= maxAhead(headers)) {
      return fault(`chunk ${this.#next} is missing, and ${this.#ahead.size} after it have come`);
    }
    const bytes = payload.length < COPY_BELOW_BYTES ? payload.slice() : payload;
    const offset = countOf(headers[StreamHeader.OFFSET]);
    const isFinal = headers[StreamHeader.DATA_TYPE] === DataType.FINAL;
    this.#ahead.set(sequence, { bytes, offset, isFinal });
    return this.#inOrder(this.#size);
  }

  #inOrder(size: number): Taken {
    const pieces: Uint8Array[] = [];
    for (let chunk = this.#ahead.get(this.#next); chunk !== undefined; chunk = this.#ahead.get(this.#next)) {
      const { bytes, offset = this.#received, isFinal } = chunk;
      if (offset !== this.#received)
        return fault(`chunk ${this.#next} begins at ${offset}, and ${this.#received} bytes are before it`);
      this.#ahead.delete(this.#next);
      this.#next += 1;
      this.#received += bytes.length;
      if (size > 0 && (this.#received > size || (isFinal && this.#received < size)))
        return fault(`${this.#received} bytes came of a stream of ${size}`);
      if (bytes.length > 0) pieces.push(bytes);
      if (!isFinal) continue;
      if (this.#ahead.size > 0) return fault('a chunk comes after the final one');
      this.#isWhole = true;
    }
    return { kind: 'pieces', pieces };
  }
}

function fault(text: string): Taken {
  return { kind: 'fault', text };
}

/** How many chunks may come before one that is missing: as many as are in the window that the sender tells. */
function maxAhead(headers: MessageHeaders): number {
  const window = countOf(headers[StreamHeader.WINDOW_BYTES]) ?? 0;
  const chunk = countOf(headers[StreamHeader.CHUNK_BYTES]) ?? 0;
  return chunk === 0 ? MIN_AHEAD : Math.max(MIN_AHEAD, Math.min(Math.ceil(window / chunk) + 1, MAX_AHEAD));
}
