/** The last numbers of a cell that are remembered: as many as there are slots, so that no heap grows with them. */
const SLOTS = 512;

interface Handled {
  readonly run: number;
  /** The last number of each slot. */
  readonly numbers: Float64Array;
}

/** The requests that a cell has handled: none may come twice. Numbers begin at 1. */
export class HandledOnce {
  readonly #origins = new Map<string, Handled>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @returns false where the request has come before */
  note(origin: string, run: number, number: number): boolean {
    this.#count += 1;
    const known = this.#origins.get(origin);
    // What a killed run had sent may come after the first of the next.
    if (known !== undefined && run < known.run) return true;
    const handled = known?.run === run ? known : { run, numbers: new Float64Array(SLOTS) };
    this.#origins.set(origin, handled);
    if (handled.numbers[number % SLOTS] === number) return false;
    handled.numbers[number % SLOTS] = number;
    return true;
  }
}
