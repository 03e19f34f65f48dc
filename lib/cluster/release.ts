import { isMatching, P } from 'ts-pattern';

import { decodeMap, encodeMap } from '../wire/map-codec.js';

/** A replica wants a name that another one has. */
export interface ReleaseRequest {
  readonly name: string;
  /** Of the entry that it saw. */
  readonly revision: number;
  /** Who asks. */
  readonly by: string;
  /** Its `duplicateName`. */
  readonly rule: 'newcomer' | 'incumbent';
}

/** What the holder says. */
export type ReleaseAnswer =
  | { readonly isReleased: true }
  /** The connection lives, and keeps the name. */
  | { readonly isReleased: false; readonly reason: string };

const REQUEST = {
  name: P.string,
  revision: P.number,
  by: P.string,
  rule: P.union('newcomer' as const, 'incumbent' as const),
};
const ANSWER = P.union({ isReleased: true as const }, { isReleased: false as const, reason: P.string });

/** The bytes of a request or an answer. */
export function encodeAsked(asked: ReleaseRequest | ReleaseAnswer): Uint8Array {
  return encodeMap({ ...asked }).slice();
}

/** The request in a message of NATS; `undefined` where there is none. */
export function decodeRequest(bytes: Uint8Array): ReleaseRequest | undefined {
  return decoded(bytes, isMatching(REQUEST));
}

/** The answer in a message of NATS; `undefined` where there is none. */
export function decodeAnswer(bytes: Uint8Array): ReleaseAnswer | undefined {
  return decoded(bytes, isMatching(ANSWER));
}

function decoded<T>(bytes: Uint8Array, isOne: (value: unknown) => value is T): T | undefined {
  try {
    const value: unknown = decodeMap(bytes);
    return isOne(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
