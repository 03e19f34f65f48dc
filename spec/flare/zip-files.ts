import { Buffer } from 'node:buffer';
import { crc32, deflateRawSync } from 'node:zlib';

import { openPromise } from 'yauzl';

/** The names in a zip file, in their order. */
export async function entriesOf(path: string): Promise<string[]> {
  const zip = await openPromise(path);
  const names: string[] = [];
  for await (const { fileName } of zip.eachEntry()) names.push(fileName);
  return names;
}

/** A file of a zip file that no honest program would write. */
export interface RawEntry {
  readonly name: string;
  readonly content?: Uint8Array;
  /** Of Unix, as `0o120777` for a link. Default: a regular file. */
  readonly mode?: number;
  /** What the directory says in place of the truth. */
  readonly claims?: { readonly size?: number; readonly crc?: number; readonly flags?: number };
}

/** A zip file of these entries, byte by byte: local headers and files, the directory, its end. */
export function rawZip(entries: readonly RawEntry[]): Uint8Array {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, content = new Uint8Array(), mode = 0o100_644, claims = {} } of entries) {
    const packed = deflateRawSync(content);
    const { size = content.length, crc = crc32(content), flags = 0 } = claims;
    const text = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(text.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(at, 10);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, text, packed]);
    locals.push(local);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), common, tail, text]));
    at += local.length;
  }
  const size = directory.reduce((sum, record) => sum + record.length, 0);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...locals, ...directory, Buffer.from('PK\x05\x06'), end]);
}
