const FINAL = 0x80;
const MASKED = 0x80;
const CONTROL = 0x08;
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
  #isClosing = false;
  #fragments = 0;
  #most = 0;

  /** Whether the next byte begins a message, or a control frame between two messages. */
  get isBetweenMessages(): boolean {
    return this.#payloadLeft === 0 && this.#header.length === 0 && this.#fragments === 0;
  }

  /** Whether a close frame has ended, behind which nothing may come. */
  get isClosed(): boolean {
    return this.#isClosing && this.#payloadLeft === 0;
  }

  /** How many fragments the message had that arrived last, without its last one. */
  get fragments(): number {
    return this.#most;
  }

  /**
   * Follows the message that is arriving, or begins at `at`.
   *
   * @returns where it ends, or a close frame in it, or the end of the bytes
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
    } while (next < bytes.length && !this.isBetweenMessages && !this.isClosed);
    return next;
  }

  #endHeader(): void {
    const [first = 0] = this.#header;
    this.#payloadLeft = payloadBytes(this.#header);
    this.#isClosing = (first & OPCODE) === CLOSE;
    this.#header.length = 0;
    // Control frames may stand between the fragments of a message.
    if ((first & CONTROL) === 0) this.#fragments = (first & FINAL) === 0 ? this.#fragments + 1 : 0;
    this.#most = Math.max(this.#most, this.#fragments);
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
