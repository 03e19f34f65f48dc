const FINAL = 0x80;
const MASKED = 0x80;
const CONTROL = 0x08;
const SHORT_LENGTH = 0x7f;

/**
 * Counts the fragments of WebSocket messages (RFC 6455, 5.2) in the bytes of a socket. `ws` has no event for a fragment,
 * and keeps an object of about 100 bytes for each, which may itself have one byte.
 */
export class FragmentCounter {
  /** The header that is arriving. */
  readonly #header: number[] = [];
  #payloadLeft = 0;
  #fragments = 0;

  /**
   * Reads the next bytes.
   *
   * @returns the maximum of fragments that a message without its last one had
   */
  push(chunk: Uint8Array): number {
    let most = this.#fragments;
    for (let at = 0; at < chunk.length;) {
      if (this.#payloadLeft > 0) {
        const bytes = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= bytes;
        at += bytes;
      } else {
        this.#header.push(chunk[at] ?? 0);
        at += 1;
        if (this.#header.length === headerBytes(this.#header)) most = Math.max(most, this.#endHeader());
      }
    }
    return most;
  }

  #endHeader(): number {
    const [first = 0] = this.#header;
    this.#payloadLeft = payloadBytes(this.#header);
    this.#header.length = 0;
    // Control frames may stand between the fragments of a message.
    if ((first & CONTROL) === 0) this.#fragments = (first & FINAL) === 0 ? this.#fragments + 1 : 0;
    return this.#fragments;
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
