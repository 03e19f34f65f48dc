import { concatenated } from '../concatenated.js';
import { badFobs } from './bad-fobs.js';
import { crc32 } from './crc32.js';
import { IN_ZIP64, Signature } from './zip-format.js';

/** Version 4.5: zip64. */
const VERSION = 45;
/** Names are UTF-8. */
const FLAGS = 0x0800;
/** 1980-01-01, the first day of zip; numpy writes it too. */
const DATE = 0x0021;
const MAX_NAME_BYTES = 65_000;

/** A file that is to be in a zip file: its content is all parts, one behind the other. */
export interface FileToZip {
  readonly name: string;
  readonly parts: readonly Uint8Array[];
}

/**
 * Writes a zip file, not compressed, with zip64 for all sizes.
 *
 * @returns new memory; the contents are copied once
 * @throws CommError `BAD_DATA` for a name of more than 65,000 bytes
 */
export function writeZip(files: Iterable<FileToZip>): Uint8Array {
  const written: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name: text, parts } of files) {
    const name = new TextEncoder().encode(text);
    if (name.length > MAX_NAME_BYTES) throw badFobs(`npz: a name of ${name.length} bytes`);
    const size = lengthOf(parts);
    const crc = parts.reduce((before, part) => crc32(part, before), 0);
    const head = localHeader(name, crc, size);
    written.push(head, ...parts);
    directory.push(directoryEntry(name, crc, size, offset));
    offset += head.length + size;
  }
  return concatenated([...written, ...directory, ...end(directory.length, lengthOf(directory), offset)]);
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** 30 bytes, the name, and 20 bytes with both sizes. */
function localHeader(name: Uint8Array, crc: number, size: number): Uint8Array {
  const record = new Uint8Array(30 + name.length + 20);
  const view = new DataView(record.buffer);
  view.setUint32(0, Signature.LOCAL, true);
  common(view, 4, name, crc, 20);
  record.set(name, 30);
  zip64(view, 30 + name.length, [size, size]);
  return record;
}

/** 46 bytes, the name, and 28 bytes with both sizes and the offset. */
function directoryEntry(name: Uint8Array, crc: number, size: number, offset: number): Uint8Array {
  const record = new Uint8Array(46 + name.length + 28);
  const view = new DataView(record.buffer);
  view.setUint32(0, Signature.DIRECTORY, true);
  view.setUint16(4, VERSION, true);
  common(view, 6, name, crc, 28);
  view.setUint32(42, IN_ZIP64, true);
  record.set(name, 46);
  zip64(view, 46 + name.length, [size, size, offset]);
  return record;
}

/** What both headers have: version, flags, method 0, time 0, date, checksum, sizes, lengths. */
function common(view: DataView, at: number, name: Uint8Array, crc: number, extra: number): void {
  view.setUint16(at, VERSION, true);
  view.setUint16(at + 2, FLAGS, true);
  view.setUint16(at + 8, DATE, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, IN_ZIP64, true);
  view.setUint32(at + 18, IN_ZIP64, true);
  view.setUint16(at + 22, name.length, true);
  view.setUint16(at + 24, extra, true);
}

function zip64(view: DataView, at: number, values: readonly number[]): void {
  view.setUint16(at, 1, true);
  view.setUint16(at + 2, 8 * values.length, true);
  for (const [index, value] of values.entries()) view.setBigUint64(at + 4 + 8 * index, BigInt(value), true);
}

/** The end of the directory for zip64, where that is, and the end that all readers look for. */
function end(count: number, size: number, offset: number): readonly Uint8Array[] {
  const wide = new DataView(new ArrayBuffer(56));
  wide.setUint32(0, Signature.END64, true);
  wide.setBigUint64(4, 44n, true);
  wide.setUint16(12, VERSION, true);
  wide.setUint16(14, VERSION, true);
  for (const [index, value] of [count, count, size, offset].entries())
    wide.setBigUint64(24 + 8 * index, BigInt(value), true);
  const locator = new DataView(new ArrayBuffer(20));
  locator.setUint32(0, Signature.LOCATOR64, true);
  locator.setBigUint64(8, BigInt(offset + size), true);
  locator.setUint32(16, 1, true);
  const last = new DataView(new ArrayBuffer(22));
  last.setUint32(0, Signature.END, true);
  last.setUint32(8, IN_ZIP64, true);
  last.setUint32(12, IN_ZIP64, true);
  last.setUint32(16, IN_ZIP64, true);
  return [wide, locator, last].map(({ buffer }) => new Uint8Array(buffer));
}
