import { badFobs } from './bad-fobs.js';
import type { FobsValue } from './value.js';

/** Integers up to this are not counted: few of them collide, however a sender chooses. */
const MAX_UNCOUNTED = 65_536;
/** Integers up to this, such as those of a vocabulary, are counted apart: some 2,000 of them can collide in each Map. */
const MAX_MIDDLE = 1_000_000;
const MAX_MIDDLE_KEYS = 100_000;
/** How many larger numbers one value may have as keys. */
export const MAX_NUMBER_KEYS = 4_096;
/** V8 hashes a longer text by its length alone. */
export const MAX_HASHED_LENGTH = 16_383;
const MAX_LONG_KEYS = 64;

/** A text that V8 takes for an index of an array, about. */
const INDEX = /^[1-9]\d{0,9}$/;

/**
 * Bounds the keys of maps, and members of sets, that a sender can choose to collide: a Map of `n` such keys takes
 * `n * n / 2` steps. V8 hashes numbers without a secret, as it did texts that are an index of an array (CVE-2026-21717),
 * and long texts by their length.
 */
export class CollidingKeys {
  readonly #max: number;
  #count = 0;
  #middle = 0;
  #long = 0;

  /** @param max - how many large numbers one value may have, nested ones included. Default: 4,096 */
  constructor(max = MAX_NUMBER_KEYS) {
    this.#max = max;
  }

  /** Notes what goes into a Map or a Set. @throws CommError `BAD_DATA` beyond a maximum */
  note(key: FobsValue): void {
    if (typeof key !== 'string') this.#noteNumber(key);
    else if (INDEX.test(key)) this.#noteNumber(Number(key));
    else this.noteName(key);
  }

  /** Notes the name of a property. V8 hashes there with a secret what is an index. @throws CommError `BAD_DATA` as `note` */
  noteName({ length }: string): void {
    if (length <= MAX_HASHED_LENGTH) return;
    this.#long += 1;
    if (this.#long > MAX_LONG_KEYS)
      throw badFobs(`it has more than ${MAX_LONG_KEYS} keys of more than ${MAX_HASHED_LENGTH} characters`);
  }

  #noteNumber(key: FobsValue): void {
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
