/** Counts, and tells when it has come to some number. What comes before somebody waits is counted too. */
export class Counter {
  #count = 0;
  #wanted = Infinity;
  #reached: () => void = () => undefined;

  /** Adds some. Default: 1. */
  add(more = 1): void {
    this.#count += more;
    if (this.#count >= this.#wanted) this.#reached();
  }

  /** Waits until there are as many, and takes them away. One at a time may wait. */
  async take(wanted: number): Promise<void> {
    if (this.#count < wanted) {
      const reached = new Promise<void>((resolve) => (this.#reached = resolve));
      this.#wanted = wanted;
      await reached;
      this.#wanted = Infinity;
    }
    this.#count -= wanted;
  }
}
