import { concatenated } from '../concatenated.js';
import { badFobs } from './bad-fobs.js';

/** Binary values from this size on are kept as they are until the end, and copied once. */
const APART_BYTES = 4_096;

const encoder = new TextEncoder();

/** Writes MessagePack as Python's msgpack does: each integer and length in its shortest form, floats in 64 bits. */
export class PackWriter {
  readonly #parts: Uint8Array[] = [];
  #chunk = new Uint8Array(512);
  #view = new DataView(this.#chunk.buffer);
  #used = 0;
  #size = 0;

  nil(): void {
    this.#byte(0xc0);
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  float(value: number): void {
    const at = this.#room(9);
    this.#view.setUint8(at, 0xcb);
    this.#view.setFloat64(at + 1, value);
  }

  /** @throws CommError `BAD_DATA` where it does not fit 64 bits */
  integer(value: number | bigint): void {
    if (value >= 0) {
      if (value < 0x80) this.#byte(Number(value));
      else if (value < 0x100) this.#sized(0xcc, 1, Number(value));
      else if (value < 0x1_0000) this.#sized(0xcd, 2, Number(value));
      else if (value < 0x1_0000_0000) this.#sized(0xce, 4, Number(value));
      else this.#wide(0xcf, BigInt.asUintN(64, BigInt(value)), value);
    } else if (value >= -0x20) this.#byte(Number(value) + 0x100);
    else if (value >= -0x80) this.#sized(0xd0, 1, Number(value) + 0x100);
    else if (value >= -0x8000) this.#sized(0xd1, 2, Number(value) + 0x1_0000);
    else if (value >= -0x8000_0000) this.#sized(0xd2, 4, Number(value) + 0x1_0000_0000);
    else this.#wide(0xd3, BigInt.asIntN(64, BigInt(value)), value);
  }

  /** @throws CommError `BAD_DATA` for half a surrogate pair, which UTF-8 cannot hold */
  text(value: string): void {
    if (!value.isWellFormed()) throw badFobs('a text has half a surrogate pair');
    const bytes = encoder.encode(value);
    if (bytes.length < 0x20) this.#byte(0xa0 | bytes.length);
    else this.#length(0xd9, bytes.length);
    this.#append(bytes);
  }

  binary(bytes: Uint8Array): void {
    this.#length(0xc4, bytes.length);
    this.#append(bytes);
  }

  /** The values follow. */
  list(count: number): void {
    if (count < 0x10) this.#byte(0x90 | count);
    else this.#counted(0xdc, count);
  }

  /** Keys and values follow in turn. */
  map(count: number): void {
    if (count < 0x10) this.#byte(0x80 | count);
    else this.#counted(0xde, count);
  }

  /** What was written, in new memory, behind room for a header of `before` bytes and before `after`. */
  finish(before: (size: number) => Uint8Array, after: readonly Uint8Array[]): Uint8Array {
    this.#close();
    return concatenated([before(this.#size), ...this.#parts, ...after]);
  }

  #byte(value: number): void {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
  }

  #sized(type: number, size: 1 | 2 | 4, value: number): void {
    const at = this.#room(1 + size);
    this.#view.setUint8(at, type);
    if (size === 1) this.#view.setUint8(at + 1, value);
    else if (size === 2) this.#view.setUint16(at + 1, value);
    else this.#view.setUint32(at + 1, value);
  }

  #wide(type: number, bits: bigint, value: number | bigint): void {
    if (bits !== BigInt(value)) throw badFobs(`${value} does not fit 64 bits`);
    const at = this.#room(9);
    this.#view.setUint8(at, type);
    this.#view.setBigUint64(at + 1, BigInt.asUintN(64, bits));
  }

  #length(type: number, length: number): void {
    if (length < 0x100) this.#sized(type, 1, length);
    else this.#counted(type + 1, length);
  }

  #counted(type: number, count: number): void {
    if (count < 0x1_0000) this.#sized(type, 2, count);
    else if (count < 0x1_0000_0000) this.#sized(type + 1, 4, count);
    else throw badFobs(`${count} items or bytes in one value are too many`);
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length < APART_BYTES) {
      const at = this.#room(bytes.length);
      this.#chunk.set(bytes, at);
      return;
    }
    this.#close();
    this.#parts.push(bytes);
    this.#size += bytes.length;
  }

  #room(count: number): number {
    const at = this.#used;
    if (at + count > this.#chunk.length) {
      const larger = new Uint8Array(2 * (at + count));
      larger.set(this.#chunk);
      this.#chunk = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#used = at + count;
    return at;
  }

  /** Ends the chunk; the next one begins behind it in the same memory. */
  #close(): void {
    this.#parts.push(this.#chunk.subarray(0, this.#used));
    this.#size += this.#used;
    this.#chunk = this.#chunk.subarray(this.#used);
    this.#view = new DataView(this.#chunk.buffer, this.#chunk.byteOffset, this.#chunk.length);
    this.#used = 0;
  }
}
