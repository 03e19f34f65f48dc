import type { Stats } from 'node:fs';
import { type FileHandle, lstat } from 'node:fs/promises';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { MAX_READ_BYTES } from '../../wire/frame-memory.js';
import { logger } from '../../log.js';
import { systemCode } from '../node/node-errors.js';
import { isMissing } from './file-errors.js';
import { exists, openToRead, readText, removeFile } from './files.js';
import { logPath, sealPath, type Side } from './layout.js';
import { type Owners, requireFile, requireSame } from './trust.js';

const log = logger('shared-file');

/** The most that is read at once. */
const CHUNK_BYTES = MAX_READ_BYTES;

/** A seal has a number, and Python's may end with a line break. */
const SEAL_BYTES = 32;

/** Reads the logs of the other side, one after the other, and deletes those that it has read to the end. */
export class LogReader {
  readonly #directory: string;
  readonly #side: Side;
  readonly #maxLogBytes: number;
  readonly #owners: Owners;
  #file: FileHandle | undefined;
  /** The open log, to notice a replacement. */
  #opened: Stats | undefined;
  #index = 0;
  /** How far this log is read, and how far it is known to go, in bytes. */
  #offset = 0;
  #visible = 0;
  #total = 0;
  #reading: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /**
   * @param side - whose logs
   * @param maxLogBytes - the size from which on a log may be sealed; below it no seal is looked for
   * @param owners - whose logs are read
   */
  constructor(directory: string, side: Side, maxLogBytes: number, owners: Owners) {
    this.#directory = directory;
    this.#side = side;
    this.#maxLogBytes = maxLogBytes;
    this.#owners = owners;
  }

  /** Bytes read of all logs. */
  get total(): number {
    return this.#total;
  }

  /**
   * The next bytes that can be seen; `undefined` where there are none yet. One call at a time.
   *
   * @param isWhole - whether everything so far ended with a frame, as it must at the end of a log
   * @throws CommError `BAD_DATA` where a sealed log ends in the middle of a frame, and where a log has
   * become shorter, was replaced, or is no file that may be used; system errors
   */
  read(isWhole: boolean): Promise<Uint8Array | undefined> {
    const chunk = this.#read(isWhole);
    this.#reading = chunk.catch(() => undefined);
    return chunk;
  }

  /** Closes the log after the read under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reading;
    await this.#closeLog();
  }

  async #read(isWhole: boolean): Promise<Uint8Array | undefined> {
    while (!this.#isClosed) {
      if (this.#visible <= this.#offset) this.#visible = await this.#size();
      if (this.#visible > this.#offset) return this.#readChunk();
      if (this.#offset < this.#maxLogBytes || !(await this.#finishLog(isWhole))) return undefined;
    }
    return undefined;
  }

  async #readChunk(): Promise<Uint8Array | undefined> {
    const file = (this.#file ??= await this.#open());
    const room = Math.min(this.#visible - this.#offset, CHUNK_BYTES);
    const chunk = Buffer.allocUnsafeSlow(room);
    const bytesRead = await this.#readFrom(file, chunk);
    this.#offset += bytesRead;
    this.#total += bytesRead;
    // A networked file system may show the size before the bytes.
    if (bytesRead < room) this.#visible = this.#offset;
    // A plain Uint8Array, so that what leaves the driver has no Buffer semantics (its `slice` does not copy).
    return bytesRead === 0 ? undefined : new Uint8Array(chunk.buffer, 0, bytesRead);
  }

  /** 0 for a stale handle, as after the restart of a file server: the next read opens the log again. */
  async #readFrom(file: FileHandle, chunk: Buffer): Promise<number> {
    try {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, this.#offset);
      return bytesRead;
    } catch (error) {
      if (systemCode(error) !== 'ESTALE') throw error;
      log('%s: %s', this.#path, error);
      await this.#closeLog().catch((failure: unknown) => log('%s: %s', this.#path, failure));
      return 0;
    }
  }

  /** The size by path, not by handle: a networked file system asks its server again for that. */
  async #size(): Promise<number> {
    const path = this.#path;
    try {
      const found = requireFile(await lstat(path), path, this.#owners);
      if (this.#opened !== undefined) requireSame(found, this.#opened, path);
      if (found.size >= this.#offset) return found.size;
    } catch (error) {
      // After a rotation the next log may take a moment.
      const isNext = this.#index > 0 && this.#offset === 0;
      if (isNext && isMissing(error) && (await exists(this.#directory))) return 0;
      throw error;
    }
    throw new CommError(CommErrorCode.BAD_DATA, `${path} is shorter than what was read of it`);
  }

  async #open(): Promise<FileHandle> {
    const file = await openToRead(this.#path, this.#owners);
    this.#file = file;
    this.#opened = await file.stat();
    return file;
  }

  /** Goes on to the next log where this one is sealed and read; says whether it is. */
  async #finishLog(isWhole: boolean): Promise<boolean> {
    const seal = sealPath(this.#directory, this.#side, this.#index);
    const finalBytes = await readSeal(seal, this.#owners);
    if (finalBytes === undefined || this.#offset < finalBytes) return false;
    if (!isWhole)
      throw new CommError(CommErrorCode.BAD_DATA, `${this.#path} is sealed in the middle of a frame`);
    const consumed = this.#path;
    await this.#closeLog();
    this.#index += 1;
    this.#offset = 0;
    this.#visible = 0;
    await remove(consumed);
    await remove(seal);
    return true;
  }

  async #closeLog(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#opened = undefined;
    await file?.close();
  }

  get #path(): string {
    return logPath(this.#directory, this.#side, this.#index);
  }
}

/** The final size of a log; `undefined` while it is not sealed. */
async function readSeal(path: string, owners: Owners): Promise<number | undefined> {
  const text = await readText(path, SEAL_BYTES, owners);
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** As in NVFlare, a log that cannot be deleted is no reason to stop. */
async function remove(path: string): Promise<void> {
  try {
    await removeFile(path);
  } catch (error) {
    log('%s is consumed and cannot be deleted: %s', path, error);
  }
}
