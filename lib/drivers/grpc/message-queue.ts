/** So many used places at the start of the array are cut off together, which costs next to nothing for each. */
const COMPACT_AFTER = 1024;

const WRITTEN = Buffer.alloc(0);

/** Encoded messages in the order sent: those being written, then those that wait. Each counts until it is written. */
export class MessageQueue {
  #messages: Buffer[] = [];
  /** Where the oldest message stands that is not written. */
  #oldest = 0;
  /** Where the first message stands that waits. */
  #waiting = 0;
  #bytes = 0;
  #writingBytes = 0;

  /** Bytes of all messages that are not written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of those that were taken out to be written. */
  get writingBytes(): number {
    return this.#writingBytes;
  }

  /** How many messages are not written. */
  get length(): number {
    return this.#messages.length - this.#oldest;
  }

  push(message: Buffer): void {
    this.#messages.push(message);
    this.#bytes += message.length;
  }

  /** Hands out the next message to write; `undefined` where none waits. */
  take(): Buffer | undefined {
    const message = this.#messages[this.#waiting];
    if (message === undefined) return undefined;
    this.#waiting += 1;
    this.#writingBytes += message.length;
    return message;
  }

  /** Counts the oldest message as written. */
  settle(): void {
    if (this.#oldest === this.#waiting) return;
    const size = this.#messages[this.#oldest]?.length ?? 0;
    this.#messages[this.#oldest] = WRITTEN;
    this.#oldest += 1;
    this.#bytes -= size;
    this.#writingBytes -= size;
    if (this.#oldest < this.#messages.length && this.#oldest < COMPACT_AFTER) return;
    this.#messages.splice(0, this.#oldest);
    this.#waiting -= this.#oldest;
    this.#oldest = 0;
  }
}
