import { quoted } from '../quoted.js';
import { badFobs } from './bad-fobs.js';
import { crc32 } from './crc32.js';
import { IN_ZIP64, Signature } from './zip-format.js';

const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;

/** A file of a zip file; `content` is a view on the input. */
export interface ZippedFile {
  readonly name: string;
  readonly content: Uint8Array;
}

const utf8 = new TextDecoder();

/**
 * The files of a zip file, by its directory. All sizes are compared with what is there, and the files have no more bytes
 * together than the whole: few bytes cannot stand for many.
 *
 * @throws CommError `BAD_DATA` for what is no zip file, is cut off, compressed or encrypted, or has another checksum
 */
export function* readZip(bytes: Uint8Array): Generator<ZippedFile> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const directory = findDirectory(view);
  let room = bytes.length;
  let at = directory.offset;
  for (let index = 0; index < directory.count; index += 1) {
    const entry = readEntry(view, at);
    at = entry.end;
    room -= entry.size;
    if (room < 0) throw badZip('its files overlap');
    const name = utf8.decode(bytes.subarray(entry.nameAt, entry.nameAt + entry.nameBytes));
    const start = contentAt(view, entry.offset);
    if (entry.size > bytes.length - start) throw badZip(`${quoted(name)} is cut off`);
    const content = bytes.subarray(start, start + entry.size);
    if (crc32(content) !== entry.crc) throw badZip(`${quoted(name)} has another checksum`);
    yield { name, content };
  }
}

/** The end is last, behind it a comment at most. */
function findDirectory(view: DataView): { readonly offset: number; readonly count: number } {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT_BYTES); at -= 1) {
    if (view.getUint32(at, true) !== Signature.END || view.getUint16(at + 20, true) !== last - at) continue;
    const locatorAt = at - 20;
    if (locatorAt >= 0 && view.getUint32(locatorAt, true) === Signature.LOCATOR64) {
      const end = wide(view, locatorAt + 8);
      expectRecord(view, end, 56, Signature.END64);
      return { count: wide(view, end + 32), offset: wide(view, end + 48) };
    }
    return { count: view.getUint16(at + 10, true), offset: view.getUint32(at + 16, true) };
  }
  throw badZip('it is no zip file, or is cut off');
}

interface Entry {
  readonly nameAt: number;
  readonly nameBytes: number;
  readonly crc: number;
  readonly size: number;
  /** Of its local header. */
  readonly offset: number;
  readonly end: number;
}

function readEntry(view: DataView, at: number): Entry {
  expectRecord(view, at, 46, Signature.DIRECTORY);
  if ((view.getUint16(at + 8, true) & 1) !== 0) throw badZip('it is encrypted');
  if (view.getUint16(at + 10, true) !== 0)
    throw badZip(
      'it is compressed, which is not supported: save it by numpy.savez, not numpy.savez_compressed',
    );
  const nameBytes = view.getUint16(at + 28, true);
  const extraAt = at + 46 + nameBytes;
  const end = extraAt + view.getUint16(at + 30, true);
  const next = end + view.getUint16(at + 32, true);
  if (next > view.byteLength) throw badZip('its directory is cut off');
  const [size, packed, offset] = widened(
    view,
    [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)],
    extraAt,
    end,
  );
  if (size !== packed) throw badZip('a file has two sizes');
  return { nameAt: at + 46, nameBytes, crc: view.getUint32(at + 16, true), size, offset, end: next };
}

/** The fields that are too small for their values have them in the extra field 1, one behind the other. */
function widened(
  view: DataView,
  fields: readonly [number, number, number],
  extraAt: number,
  end: number,
): readonly [number, number, number] {
  if (!fields.includes(IN_ZIP64)) return fields;
  for (let at = extraAt; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let from = at + 4;
    const take = (field: number): number => {
      if (field !== IN_ZIP64) return field;
      from += 8;
      if (from > end) throw badZip('a size is missing');
      return wide(view, from - 8);
    };
    return [take(fields[0]), take(fields[1]), take(fields[2])];
  }
  throw badZip('a size is missing');
}

function contentAt(view: DataView, at: number): number {
  expectRecord(view, at, 30, Signature.LOCAL);
  return at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
}

/** A record of `size` bytes is at `at`. */
function expectRecord(view: DataView, at: number, size: number, signature: number): void {
  if (at > view.byteLength - size || view.getUint32(at, true) !== signature)
    throw badZip('a header is cut off');
}

/** A 64-bit number; what is beyond 2^53 is beyond all files anyway. */
function wide(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function badZip(fault: string): Error {
  return badFobs(`npz: ${fault}`);
}
