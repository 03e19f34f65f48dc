const FINAL = 0x80;
const MASKED = 0x80;
const RESERVED = 0x70;
const CONTROL = 0x08;
const TEXT = 0x1;
const BINARY = 0x2;
const PONG = 0xa;
const MAX_CONTROL_BYTES = 125;
const CLOSE = 0x8;
const OPCODE = 0x0f;
const SHORT_LENGTH = 0x7f;

/**
 * Follows WebSocket messages (RFC 6455, 5.2) through the bytes that `ws` reads, which has no event for a fragment, and keeps
 * an object of about 100 bytes for each.
 */
export class FrameFollower {
  /** The header that is arriving. */
  readonly #header: number[] = [];
  #payloadLeft = 0;
  readonly #isMasked: boolean;
  #isClosing = false;
  #isBroken = false;
  #fragments = 0;
  #most = 0;

  /** @param isMasked - whether frames must be masked, or must not */
  constructor(isMasked: boolean) {
    this.#isMasked = isMasked;
  }

  /** Whether the next byte begins a message, or a control frame between two messages. */
  get isBetweenMessages(): boolean {
    return this.#payloadLeft === 0 && this.#header.length === 0 && this.#fragments === 0;
  }

  /** Whether nothing may come any more: a close frame has ended, or a frame broke the rules. */
  get isOver(): boolean {
    return this.#isBroken || (this.#isClosing && this.#payloadLeft === 0);
  }

  /** How many fragments the message had that arrived last, without its last one. */
  get fragments(): number {
    return this.#most;
  }

  /**
   * Follows the message that is arriving, or begins at `at`.
   *
   * @returns where it ends, or what it is over with, or the end of the bytes
   */
  follow(bytes: Uint8Array, at: number): number {
    let next = at;
    this.#most = this.#fragments;
    do {
      if (this.#payloadLeft === 0) {
        this.#header.push(bytes[next] ?? 0);
        next += 1;
        if (this.#header.length === headerBytes(this.#header)) this.#endHeader();
      }
      const taken = Math.min(this.#payloadLeft, bytes.length - next);
      this.#payloadLeft -= taken;
      next += taken;
    } while (next < bytes.length && !this.isBetweenMessages && !this.isOver);
    return next;
  }

  #endHeader(): void {
    const [first = 0, second = 0] = this.#header;
    this.#isBroken = !this.#isAllowed(first, second);
    this.#payloadLeft = payloadBytes(this.#header);
    this.#isClosing = (first & OPCODE) === CLOSE;
    this.#header.length = 0;
    // Control frames may stand between the fragments of a message.
    if ((first & CONTROL) === 0) this.#fragments = (first & FINAL) === 0 ? this.#fragments + 1 : 0;
    this.#most = Math.max(this.#most, this.#fragments);
  }

  /** The rules of RFC 6455, 5.2 and 5.5, that `ws` ends a connection for; extensions are never agreed on. */
  #isAllowed(first: number, second: number): boolean {
    const opcode = first & OPCODE;
    if ((first & RESERVED) !== 0 || second >= MASKED !== this.#isMasked) return false;
    if ((opcode & CONTROL) !== 0)
      return opcode <= PONG && (first & FINAL) !== 0 && (second & SHORT_LENGTH) <= MAX_CONTROL_BYTES;
    return this.#fragments > 0 ? opcode === 0 : opcode === TEXT || opcode === BINARY;
  }
}

/** The length of a header, as far as its first bytes tell. */
function headerBytes([, second]: readonly number[]): number {
  if (second === undefined) return 2;
  return 2 + lengthBytes(second) + (second & MASKED ? 4 : 0);
}

function payloadBytes(header: readonly number[]): number {
  const [, second = 0] = header;
  const count = lengthBytes(second);
  if (count === 0) return second & SHORT_LENGTH;
  return header.slice(2, 2 + count).reduce((length, byte) => length * 0x100 + byte, 0);
}

/** How many bytes the length has that follow the second byte of a header. */
function lengthBytes(second: number): number {
  const short = second & SHORT_LENGTH;
  return short === 127 ? 8 : short === 126 ? 2 : 0;
}
