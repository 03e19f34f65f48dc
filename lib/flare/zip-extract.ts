import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

import type { Entry, ZipFile } from 'yauzl';

import { CommError, CommErrorCode } from '../comm-error.js';
import { quoted } from '../quoted.js';
import { FlareError, FlareStatus } from './flare-error.js';
import { loadOptional } from './load-optional.js';
import { OverLimit } from './over-limit.js';
import { isSafePath } from './safe-path.js';

/** How much the zip files of a result may become, all together. */
export interface ExtractLimits {
  /** Files and folders; 1 or more. Default: 100,000. */
  readonly maxEntries?: number;
  /** Bytes of all files together; 1 or more. Default: 64 GiB. */
  readonly maxBytes?: number;
  /** Bytes of all files for each byte of the zip files, beyond 64 MiB; 1 or more. Default: 200. */
  readonly maxRatio?: number;
}

/** The default of every limit. */
export const EXTRACT_DEFAULTS: Required<ExtractLimits> = {
  maxEntries: 100_000,
  maxBytes: 64 * 1024 ** 3,
  maxRatio: 200,
};

/** Small files may be of any ratio: logs and zeros compress well. */
const RATIO_FROM_BYTES = 64 * 1024 ** 2;

/** Bits of a Unix mode, the upper half of the external attributes. */
const TYPE_MASK = 0o170_000;
const TYPES_ALLOWED: readonly number[] = [0, 0o100_000, 0o040_000];

/**
 * Writes what is in a zip file to a folder. Nothing leaves the folder, nothing there is replaced, and no more is written than
 * there is room for.
 *
 * @param path - of the zip file
 * @param folder - it is made where it is not there
 * @param room - of all zip files that are unpacked together; what is written is taken from it
 * @param signal - ends it; then it rejects with the reason
 * @throws FlareError `bad_archive` for what is no zip file, is damaged or encrypted, has links, paths that leave the folder, or
 * one path twice, or is beyond a limit; CommError `ERROR` where the disk fails, `NOT_SUPPORTED` without the package `yauzl`
 */
export async function extractZip(
  path: string,
  folder: string,
  room: Room,
  signal: AbortSignal,
): Promise<void> {
  const yauzl = await loadOptional('yauzl', () => import('yauzl'));
  await attempted(path, signal, async () => {
    await mkdir(folder, { recursive: true });
    const zip = await yauzl.openPromise(path, { strictFileNames: true, autoClose: false });
    try {
      if (zip.entryCount > room.entries)
        throw new BeyondLimit(
          `it has ${zip.entryCount} entries, and ${room.entries} more are allowed (maxEntries)`,
        );
      room.entries -= zip.entryCount;
      for await (const entry of zip.eachEntry()) await extractEntry(zip, entry, folder, room, signal);
    } finally {
      zip.close();
    }
  });
}

/** How much may be written yet. */
export interface Room {
  readonly reason: string;
  bytes: number;
  entries: number;
}

/** @param size - of all zip files that are unpacked to the room, in bytes */
export function roomFor(size: number, { maxBytes, maxRatio, maxEntries }: Required<ExtractLimits>): Room {
  const byRatio = Math.max(RATIO_FROM_BYTES, size * maxRatio);
  const isRatio = byRatio < maxBytes;
  const reason = isRatio
    ? `${maxRatio} times the ${size} packed bytes (maxRatio)`
    : `${maxBytes} bytes (maxBytes)`;
  return { reason, bytes: Math.min(byRatio, maxBytes), entries: maxEntries };
}

async function extractEntry(
  zip: ZipFile,
  entry: Entry,
  folder: string,
  room: Room,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { fileName: name, externalFileAttributes, uncompressedSize } = entry;
  const isFolder = name.endsWith('/');
  const type = (externalFileAttributes >>> 16) & TYPE_MASK;
  if (!TYPES_ALLOWED.includes(type)) throw new BadEntry(`${quoted(name)} is a link or a device`);
  if (!isSafePath(isFolder ? name.slice(0, -1) : name))
    throw new BadEntry(`${quoted(name)} is no path in a folder`);
  const path = join(folder, name);
  await mkdir(isFolder ? path : dirname(path), { recursive: true });
  if (isFolder) return;
  if (uncompressedSize > room.bytes) throw tooLarge(room);
  const source = await zip.openReadStreamPromise(entry);
  await pipeline(source, checked(entry, room), createWriteStream(path, { flags: 'wx' }), { signal });
}

/** Passes bytes on, and fails where they are more than allowed, or not those that were packed. */
function checked({ fileName, crc32: expected }: Entry, room: Room): Transform {
  let crc = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      room.bytes -= chunk.length;
      crc = crc32(chunk, crc);
      done(room.bytes < 0 ? tooLarge(room) : null, chunk);
    },
    flush(done) {
      done(crc === expected ? null : new BadEntry(`${quoted(fileName)} has another checksum`));
    },
  });
}

/** What is wrong with an archive, where nothing has failed. */
class BadEntry extends Error {}

/** That it has too much, which is no damage. */
class BeyondLimit extends BadEntry {}

function tooLarge({ reason }: Room): BeyondLimit {
  return new BeyondLimit(`it becomes more than ${reason}`);
}

const DISK_FAILURES = new Set(['ENOSPC', 'EACCES', 'EIO', 'EROFS', 'EDQUOT', 'EMFILE', 'EPERM']);

/** yauzl throws plain errors for what is damaged; what is there already was in the archive before. */
async function attempted<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BeyondLimit) throw new OverLimit(`${path} is not unpacked, ${error.message}`);
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (DISK_FAILURES.has(code))
      throw CommError.from(error, `${path} cannot be unpacked`, CommErrorCode.ERROR);
    throw badArchive(path, error instanceof Error ? error.message : String(error), error);
  }
}

function badArchive(path: string, problem: string, cause?: unknown): FlareError {
  return new FlareError(FlareStatus.BAD_ARCHIVE, `${path} is not unpacked, ${problem}`, { cause });
}
