import type { WriteBatch } from '../node/write-batch.js';
import { type GenerateMask, maskAfter, maskInPlace } from './mask.js';
import { MaskedPayload } from './masked-payload.js';

const Opcode = { BINARY: 0x2, PONG: 0xa } as const;
type Opcode = (typeof Opcode)[keyof typeof Opcode];

const FINAL = 0x80;
const MASKED = 0x80;

/** Room for the longest header, 14 bytes, so that what follows is aligned for masking word by word. */
const HEADER_ROOM = 16;

/** A larger payload is masked when it is written. */
const SCRATCH_BYTES = HEADER_ROOM + 8 * 1024;

/** Shared by all connections. Its content is copied before the next message is framed. */
const scratch = Buffer.alloc(SCRATCH_BYTES);

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
    this.#generateMask?.(this.#mask);
    if (this.#maskWord[0] !== 0) {
      this.#addMasked(batch, opcode, length, head, payload);
      return;
    }
    const target = scratchFor(head.length);
    const start = this.#writeHeader(target, opcode, length);
    target.set(head, HEADER_ROOM);
    batch.add(target.subarray(start, HEADER_ROOM + head.length), payload, framesOf(opcode));
  }

  #addMasked(
    batch: WriteBatch,
    opcode: Opcode,
    length: number,
    head: Uint8Array,
    payload: Uint8Array | undefined,
  ): void {
    const isLazy = payload !== undefined && HEADER_ROOM + length > SCRATCH_BYTES;
    const eager = isLazy ? head.length : length;
    const target = scratchFor(eager);
    const start = this.#writeHeader(target, opcode, length);
    target.set(head, HEADER_ROOM);
    if (payload !== undefined && !isLazy) target.set(payload, HEADER_ROOM + head.length);
    maskInPlace(target.subarray(HEADER_ROOM, HEADER_ROOM + eager), this.#mask);
    batch.add(
      target.subarray(start, HEADER_ROOM + eager),
      isLazy ? new MaskedPayload(payload, maskAfter(this.#mask, head.length)) : undefined,
      framesOf(opcode),
    );
  }

  /** Writes a header that ends at `HEADER_ROOM`; returns where it begins. */
  #writeHeader(target: Buffer, opcode: Opcode, length: number): number {
    const { isClient } = this;
    const lengthBytes = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
    const start = HEADER_ROOM - 2 - lengthBytes - (isClient ? 4 : 0);
    target[start] = FINAL | opcode;
    const shortLength = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
    target[start + 1] = (isClient ? MASKED : 0) | shortLength;
    if (lengthBytes === 2) target.writeUInt16BE(length, start + 2);
    else if (lengthBytes === 8) target.writeBigUInt64BE(BigInt(length), start + 2);
    if (isClient) target.set(this.#mask, HEADER_ROOM - 4);
    return start;
  }
}

/** How many frames of F3 a WebSocket frame carries. */
function framesOf(opcode: Opcode): 0 | 1 {
  return opcode === Opcode.BINARY ? 1 : 0;
}

/** Memory for a header and `bytes` more, valid until the next message. */
function scratchFor(bytes: number): Buffer {
  return HEADER_ROOM + bytes > SCRATCH_BYTES ? Buffer.allocUnsafeSlow(HEADER_ROOM + bytes) : scratch;
}
