import type { Duplex } from 'node:stream';

import type { CommError } from '../../comm-error.js';
import { transferred } from '../../wire/transferred.js';
import { FrameFollower } from './frame-follower.js';
import { maskRange } from './mask.js';

/** The first byte of a binary message in one frame: FIN, and opcode 2 (RFC 6455, 5.2). */
const WHOLE_BINARY = 0x82;
const MASKED = 0x80;
const SHORT_LENGTH = 0x7f;
const TWO_BYTES = 126;
const EIGHT_BYTES = 127;
const MASK_BYTES = 4;

/** What a reader hands on. */
export interface ReaderHost {
  /** Bytes arrived. */
  alive(): void;
  /** A whole message that `ws` has not seen. */
  received(message: Uint8Array): void;
  /**
   * `ws` is to read something else: a large message, a part of one, or a control frame.
   *
   * @param fragments - how many its message has so far
   * @returns whether it may
   */
  passesOn(bytes: number, fragments: number): boolean;
  /** Messages are lost: it ends. */
  failed(error: CommError): void;
}

/**
 * Takes small messages out of the bytes of a socket, before `ws` reads the rest.
 *
 * `ws` cuts each message out by five buffers and three events, which takes four times as long as all that rxflare does with
 * it. A message whose frame is whole, binary, below 64 KiB and wholly in the chunk at hand is unmasked where it is, and needs
 * one object. Whatever else comes is for `ws`, from the beginning of a message to its end, so that it sees a stream without
 * those messages: it keeps the rules, and does all that is rare.
 */
export class MessageReader {
  readonly #host: ReaderHost;
  readonly #isMasked: boolean;
  readonly #mask = new Uint8Array(MASK_BYTES);
  readonly #follower: FrameFollower;
  #ws: ((chunk: Uint8Array) => void) | undefined;

  /**
   * Puts itself between the socket and `ws`. A runtime whose WebSocket shows no bytes reads them itself.
   *
   * @param isMasked - whether the messages of the peer are
   */
  constructor(socket: Duplex, isMasked: boolean, host: ReaderHost) {
    this.#isMasked = isMasked;
    this.#follower = new FrameFollower(isMasked);
    this.#host = host;
    // `ws` has begun to listen just now; those before it are the application's.
    const read = socket.listeners('data').at(-1);
    if (read === undefined) return;
    this.#ws = (chunk) => void read.call(socket, chunk);
    socket.off('data', read as () => void).on('data', (chunk: Uint8Array) => this.#read(chunk));
  }

  /** Ends it: `ws` sees no more, and nothing is taken out. */
  stop(): void {
    this.#ws = undefined;
  }

  #read(chunk: Uint8Array): void {
    this.#host.alive();
    const { length } = chunk;
    let at = 0;
    while (this.#ws !== undefined && at < length) {
      if (this.#follower.isBetweenMessages) at = this.#takeMessages(chunk, at);
      if (chunk.length < length) {
        if (at < length) this.#fail();
        return;
      }
      if (at < length) at = this.#passOn(chunk, at);
    }
  }

  #fail(): void {
    this.stop();
    this.#host.failed(transferred());
  }

  /** Hands on whole messages; returns where something else begins. */
  #takeMessages(chunk: Uint8Array, start: number): number {
    let at = start;
    let end = this.#takeMessage(chunk, at);
    while (end > 0) {
      at = end;
      end = this.#takeMessage(chunk, at);
    }
    return at;
  }

  /** Hands on the message at `at`, and returns where it ends; 0 for anything else. */
  #takeMessage(chunk: Uint8Array, at: number): number {
    const second = chunk[at + 1];
    if (chunk[at] !== WHOLE_BINARY || second === undefined || second >= MASKED !== this.#isMasked) return 0;
    const short = second & SHORT_LENGTH;
    if (short === EIGHT_BYTES) return 0;
    const isShort = short < TWO_BYTES;
    const length = isShort ? short : ((chunk[at + 2] ?? 0) << 8) | (chunk[at + 3] ?? 0);
    const maskAt = at + (isShort ? 2 : 4);
    const begin = this.#isMasked ? maskAt + MASK_BYTES : maskAt;
    const end = begin + length;
    if (end > chunk.length) return 0;
    if (this.#isMasked) {
      for (let index = 0; index < MASK_BYTES; index += 1) this.#mask[index] = chunk[maskAt + index] ?? 0;
      maskRange(chunk, this.#mask, begin, end);
    }
    this.#host.received(new Uint8Array(chunk.buffer, chunk.byteOffset + begin, length));
    return end;
  }

  /** Lets `ws` read the message at `at`, or what is here of it. */
  #passOn(chunk: Uint8Array, at: number): number {
    const end = this.#follower.follow(chunk, at);
    const mayRead = this.#host.passesOn(end - at, this.#follower.fragments);
    if (mayRead) this.#ws?.(chunk.subarray(at, end));
    // What comes behind a close frame, or what breaks the rules, is nobody's.
    if (!mayRead || this.#follower.isOver) this.stop();
    return end;
  }
}
