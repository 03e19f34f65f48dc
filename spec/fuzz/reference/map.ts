import { isUtf8 } from 'node:buffer';

/** Containers may stand in each other so often. */
const MAX_DEPTH = 32;

/** What the bytes of a map are, and what they hold. */
export interface MapVerdict {
  /**
   * One whole MessagePack map, and nothing behind it: its keys are text, and all text is UTF-8; not too deep, and
   * without extension types.
   */
  readonly isSound: boolean;
  /** Some key is `__proto__`, which no decoder should make an object of. */
  readonly hasProto: boolean;
}

/** Thrown so often that it is made once. */
const UNSOUND = new Error('unsound');

/** Judges the bytes of a map, by reading it value by value as the MessagePack specification has it. */
export function judgeMap(bytes: Uint8Array): MapVerdict {
  const walk = new Walk(bytes);
  try {
    if (!walk.startsWithMap()) return { isSound: false, hasProto: false };
    walk.value(0);
    return { isSound: walk.at === bytes.length, hasProto: walk.hasProto };
  } catch (error) {
    if (error === UNSOUND) return { isSound: false, hasProto: walk.hasProto };
    throw error;
  }
}

class Walk {
  at = 0;
  hasProto = false;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  startsWithMap(): boolean {
    const [type = 0] = this.#bytes;
    return type >> 4 === 0x8 || type === 0xde || type === 0xdf;
  }

  value(depth: number): void {
    const type = this.#number(1);
    if (type < 0x80 || type >= 0xe0) return;
    if (type < 0x90) this.#map(type - 0x80, depth);
    else if (type < 0xa0) this.#list(type - 0x90, depth);
    else if (type < 0xc0) this.#text(type - 0xa0);
    else this.#other(type, depth);
  }

  #other(type: number, depth: number): void {
    if (type === 0xc0 || type === 0xc2 || type === 0xc3) return;
    if (type >= 0xc4 && type <= 0xc6) this.#skip(this.#number(2 ** (type - 0xc4)));
    else if (type >= 0xd9 && type <= 0xdb) this.#text(this.#number(2 ** (type - 0xd9)));
    else if (type === 0xcc || type === 0xd0) this.#skip(1);
    else if (type === 0xcd || type === 0xd1) this.#skip(2);
    else if (type === 0xca || type === 0xce || type === 0xd2) this.#skip(4);
    else if (type === 0xcb || type === 0xcf || type === 0xd3) this.#skip(8);
    else if (type === 0xdc) this.#list(this.#number(2), depth);
    else if (type === 0xdd) this.#list(this.#number(4), depth);
    else if (type === 0xde) this.#map(this.#number(2), depth);
    else if (type === 0xdf) this.#map(this.#number(4), depth);
    else throw UNSOUND;
  }

  #list(items: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw UNSOUND;
    for (let left = items; left > 0; left -= 1) this.value(depth + 1);
  }

  #map(entries: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw UNSOUND;
    for (let left = entries; left > 0; left -= 1) {
      this.#key();
      this.value(depth + 1);
    }
  }

  #key(): void {
    const type = this.#number(1);
    if (type >> 5 !== 0b101 && (type < 0xd9 || type > 0xdb)) throw UNSOUND;
    const text = this.#text(type >= 0xd9 ? this.#number(2 ** (type - 0xd9)) : type & 0x1f);
    if (text === '__proto__') this.hasProto = true;
  }

  #text(length: number): string {
    this.#skip(length);
    const bytes = this.#bytes.subarray(this.at - length, this.at);
    if (!isUtf8(bytes)) throw UNSOUND;
    return Buffer.from(bytes).toString();
  }

  #number(size: number): number {
    this.#skip(size);
    let number = 0;
    for (const byte of this.#bytes.subarray(this.at - size, this.at)) number = number * 256 + byte;
    return number;
  }

  #skip(count: number): void {
    if (count > this.#bytes.length - this.at) throw UNSOUND;
    this.at += count;
  }
}
