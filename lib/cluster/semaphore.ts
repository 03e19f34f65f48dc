import { Fifo } from '../transport/fifo.js';

/** Does so many things at a time; the others wait, and come in their order. */
export class Semaphore {
  readonly #waiting = new Fifo<() => void>();
  #free: number;

  constructor(most: number) {
    this.#free = most;
  }

  /** Does it when its turn comes. @returns what it returns, and rejects as it does */
  async run<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
