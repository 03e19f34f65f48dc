import { badFobs } from './bad-fobs.js';
import type { FobsValue } from './value.js';

/** Integers up to this are not counted: few of them collide, however a sender chooses. */
const MAX_UNCOUNTED = 65_536;
/** Integers up to this, such as those of a vocabulary, are counted apart: some 2,000 of them can collide in each Map. */
const MAX_MIDDLE = 1_000_000;
const MAX_MIDDLE_KEYS = 100_000;

/**
 * Bounds the keys of maps, and members of sets, that are numbers. V8 hashes numbers without a secret, so a sender can
 * choose them to collide, and a Map of `n` such keys takes `n * n / 2` steps.
 */
export class NumberKeys {
  readonly #max: number;
  #count = 0;
  #middle = 0;

  /** @param max - how many one value may have, nested ones included */
  constructor(max: number) {
    this.#max = max;
  }

  /** Notes a key before it goes into a Map. @throws CommError `BAD_DATA` beyond the maximum */
  note(key: FobsValue): void {
    if (typeof key !== 'bigint' && (typeof key !== 'number' || isInteger(key, MAX_UNCOUNTED))) return;
    if (isInteger(key, MAX_MIDDLE)) {
      this.#middle += 1;
      if (this.#middle > MAX_MIDDLE_KEYS)
        throw badFobs(`it has more than ${MAX_MIDDLE_KEYS} keys beyond ${MAX_UNCOUNTED}`);
      return;
    }
    this.#count += 1;
    if (this.#count > this.#max) throw badFobs(`it has more than ${this.#max} keys that are large numbers`);
  }
}

function isInteger(key: number | bigint, max: number): boolean {
  return typeof key === 'number' && Number.isInteger(key) && Math.abs(key) <= max;
}
