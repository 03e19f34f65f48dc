import { badFobs } from './bad-fobs.js';
import type { FobsValue } from './value.js';

/**
 * Integers up to this are not counted: however a sender chooses among them, a Map of them takes no more steps than
 * that in all.
 */
const MAX_UNCOUNTED = 1_000_000;

/**
 * Bounds the keys of maps, and members of sets, that are numbers. V8 hashes numbers without a secret, so a sender can
 * choose them to collide, and a Map of `n` such keys takes `n * n / 2` steps.
 */
export class NumberKeys {
  readonly #max: number;
  #count = 0;

  /** @param max - how many one value may have, nested ones included */
  constructor(max: number) {
    this.#max = max;
  }

  /** Notes a key before it goes into a Map. @throws CommError `BAD_DATA` beyond the maximum */
  note(key: FobsValue): void {
    if (typeof key !== 'bigint' && (typeof key !== 'number' || isUncounted(key))) return;
    this.#count += 1;
    if (this.#count > this.#max) throw badFobs(`it has more than ${this.#max} keys that are large numbers`);
  }
}

function isUncounted(key: number): boolean {
  return Number.isInteger(key) && Math.abs(key) <= MAX_UNCOUNTED;
}
