import { isLarge, type LazyPayload, type WriteBatch } from '../node/write-batch.js';
import { type GenerateMask, maskAfter, maskRange } from './mask.js';
import { MaskedPayload } from './masked-payload.js';

const Opcode = { BINARY: 0x2, PONG: 0xa } as const;
type Opcode = (typeof Opcode)[keyof typeof Opcode];

const FINAL = 0x80;
const MASKED = 0x80;

/**
 * Puts each message into one WebSocket frame (RFC 6455, 5.2).
 *
 * `ws` takes one buffer per message, which costs a copy of each payload, for a client into new memory. Here a large
 * payload is written by reference, and a client's is masked when it is written.
 */
export class MessageFramer {
  readonly #generateMask: GenerateMask | undefined;
  readonly #mask = new Uint8Array(4);
  readonly #maskWord = new Uint32Array(this.#mask.buffer);

  /** @param generateMask - for a client; the standard forbids a server to mask */
  constructor(generateMask?: GenerateMask) {
    this.#generateMask = generateMask;
  }

  /** Whether it masks messages. */
  get isClient(): boolean {
    return this.#generateMask !== undefined;
  }

  /** Adds one binary message. Copies `head`; keeps a large `payload` by reference. */
  message(batch: WriteBatch, head: Uint8Array, payload?: Uint8Array): void {
    this.#frame(batch, Opcode.BINARY, head, payload);
  }

  /** Adds the answer to a ping, which is no frame of F3 and counts as none. */
  pong(batch: WriteBatch, data: Uint8Array): void {
    this.#frame(batch, Opcode.PONG, data, undefined);
  }

  #frame(batch: WriteBatch, opcode: Opcode, head: Uint8Array, payload: Uint8Array | undefined): void {
    const length = head.length + (payload?.length ?? 0);
    const joined = payload === undefined || isLarge(payload) ? undefined : payload;
    this.#generateMask?.(this.#mask);
    const headerBytes = 2 + lengthBytes(length) + (this.isClient ? 4 : 0);
    const start = batch.reserve(headerBytes + head.length + (joined?.length ?? 0));
    const { memory } = batch;
    this.#writeHeader(memory, start, opcode, length);
    const begin = start + headerBytes;
    memory.set(head, begin);
    let end = begin + head.length;
    if (joined !== undefined) {
      memory.set(joined, end);
      end += joined.length;
    }
    // What is not masked, or masked with zeros, is as it was.
    const isMasked = this.#maskWord[0] !== 0;
    if (isMasked) maskRange(memory, this.#mask, begin, end);
    batch.endFrame(
      joined === undefined ? this.#apart(payload, head.length, isMasked) : undefined,
      framesOf(opcode),
    );
  }

  /** A payload that is not joined to its head: masked when it is written. */
  #apart(
    payload: Uint8Array | undefined,
    headBytes: number,
    isMasked: boolean,
  ): Uint8Array | LazyPayload | undefined {
    return payload === undefined || !isMasked
      ? payload
      : new MaskedPayload(payload, maskAfter(this.#mask, headBytes));
  }

  #writeHeader(target: Uint8Array, start: number, opcode: Opcode, length: number): void {
    const count = lengthBytes(length);
    target[start] = FINAL | opcode;
    target[start + 1] = (this.isClient ? MASKED : 0) | (count === 0 ? length : count === 2 ? 126 : 127);
    let rest = length;
    for (let at = start + 1 + count; at > start + 1; at -= 1) {
      target[at] = rest % 0x100;
      rest = Math.floor(rest / 0x100);
    }
    if (this.isClient) target.set(this.#mask, start + 2 + count);
  }
}

/** How many bytes the length has that follow the second byte of a header. */
function lengthBytes(length: number): 0 | 2 | 8 {
  if (length < 126) return 0;
  return length < 0x1_0000 ? 2 : 8;
}

/** How many frames of F3 a WebSocket frame carries. */
function framesOf(opcode: Opcode): 0 | 1 {
  return opcode === Opcode.BINARY ? 1 : 0;
}
