import type { LazyPayload } from '../node/write-batch.js';
import { maskAfter, maskTo } from './mask.js';

/** A payload that is masked when it is written. */
export class MaskedPayload implements LazyPayload {
  readonly #payload: Uint8Array;
  readonly #mask: Uint8Array;

  /** @param mask - the masking key, rotated so that it begins at the first byte */
  constructor(payload: Uint8Array, mask: Uint8Array) {
    this.#payload = payload;
    this.#mask = mask;
  }

  get length(): number {
    return this.#payload.length;
  }

  subarray(begin: number, end?: number): MaskedPayload {
    return new MaskedPayload(this.#payload.subarray(begin, end), maskAfter(this.#mask, begin));
  }

  writeTo(target: Uint8Array): void {
    maskTo(this.#payload, this.#mask, target, 0, this.#payload.length);
  }
}
