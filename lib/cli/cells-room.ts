/** How much of a value may still be shown, in characters: each value counts 1 at least, and a text or a number its length. */
export class Room {
  #left: number;

  /** @param size - Default: all fits */
  constructor(size = Number.POSITIVE_INFINITY) {
    this.#left = size;
  }

  /** How much of `size` fits. */
  take(size: number): number {
    const taken = Math.min(size, Math.max(0, this.#left));
    this.#left -= size;
    return taken;
  }
}
