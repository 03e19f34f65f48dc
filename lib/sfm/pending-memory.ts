import { isBytes } from '../is-bytes.js';
import type { HeaderValue, MessageHeaders } from '../message.js';
import type { ReceivedMessage } from '../received-message.js';

/** What a pending message takes in memory beside its bytes, about; it makes the limit one in count as well. */
const MESSAGE_BYTES = 256;

/** What a decoded header value takes, about. It can be one byte on the wire. */
const VALUE_BYTES = 64;

/** What one pending message takes. */
export interface Hold {
  /** Of its own: its headers and the objects. */
  readonly bytes: number;
  /** The memory that its views refer to, once for each view. */
  readonly buffers: readonly ArrayBufferLike[];
}

/** Memory that pending messages refer to. */
interface Share {
  /** Its size when it was first referred to; a resizable buffer may change its own. */
  readonly bytes: number;
  references: number;
}

/**
 * The memory that pending messages keep. A message is a view on what its transport read, and keeps all of that: many
 * small messages may share one slab, and one may keep a whole slab alone. So each distinct ArrayBuffer counts in full,
 * once, while a pending message refers to it.
 */
export class PendingMemory {
  readonly #shares = new Map<ArrayBufferLike, Share>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts a message, until what this returns is released. */
  hold({ message: { headers, payload }, bytes }: ReceivedMessage): Hold {
    const buffers: ArrayBufferLike[] = [];
    if (payload !== undefined) buffers.push(payload.buffer);
    const values = visit(headers, buffers);
    const own = bytes - (payload?.length ?? 0) + MESSAGE_BYTES + values * VALUE_BYTES;
    this.#bytes += own;
    for (const buffer of buffers) this.#refer(buffer);
    return { bytes: own, buffers };
  }

  release({ bytes, buffers }: Hold): void {
    this.#bytes -= bytes;
    for (const buffer of buffers) this.#forget(buffer);
  }

  #refer(buffer: ArrayBufferLike): void {
    const share = this.#shares.get(buffer);
    if (share !== undefined) {
      share.references += 1;
      return;
    }
    const bytes = buffer.byteLength;
    this.#shares.set(buffer, { bytes, references: 1 });
    this.#bytes += bytes;
  }

  #forget(buffer: ArrayBufferLike): void {
    const share = this.#shares.get(buffer);
    if (share === undefined) return;
    share.references -= 1;
    if (share.references > 0) return;
    this.#shares.delete(buffer);
    this.#bytes -= share.bytes;
  }
}

/**
 * Counts the values of headers, nested ones included, and collects the memory of their bytes. Their depth is limited
 * where they are decoded.
 */
function visit(value: HeaderValue | MessageHeaders | undefined, buffers: ArrayBufferLike[]): number {
  if (value === undefined) return 0;
  if (typeof value !== 'object' || value === null) return 1;
  if (isBytes(value)) {
    buffers.push(value.buffer);
    return 1;
  }
  let count = 1;
  for (const item of Object.values<HeaderValue | undefined>(value)) count += visit(item, buffers);
  return count;
}
