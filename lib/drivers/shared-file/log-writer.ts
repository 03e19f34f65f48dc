import type { FileHandle } from 'node:fs/promises';

import { openToAppend, writeAtOnce } from './files.js';
import { logPath, sealPath, type Side } from './layout.js';
import type { Portion } from './log-queue.js';
import type { Owners } from './trust.js';
import type { Tuning } from './tuning.js';

/** Appends to the logs of one side, one after the other. One call at a time. */
export class LogWriter {
  readonly #directory: string;
  readonly #side: Side;
  readonly #tuning: Tuning;
  readonly #owners: Owners;
  #file: FileHandle | undefined;
  #index = 0;
  #bytes = 0;

  constructor(directory: string, side: Side, tuning: Tuning, owners: Owners) {
    this.#directory = directory;
    this.#side = side;
    this.#tuning = tuning;
    this.#owners = owners;
  }

  /** The number of the log that is written to. Those before it are sealed. */
  get index(): number {
    return this.#index;
  }

  /** Appends whole frames, and seals the log where they are its last ones. */
  async append({ pieces, bytes, endsLog }: Portion): Promise<void> {
    const file = (this.#file ??= await this.#open());
    await writeAll(file, pieces);
    if (this.#tuning.fsync) await file.sync();
    this.#bytes += bytes;
    if (endsLog) await this.#seal(file);
  }

  /** Closes the log. No append may be under way. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** Syncs first, whatever `fsync` says, so that no reader sees the seal before the bytes. */
  async #seal(file: FileHandle): Promise<void> {
    await file.sync();
    await this.close();
    await writeAtOnce(
      sealPath(this.#directory, this.#side, this.#index),
      String(this.#bytes),
      this.#tuning.fileMode,
    );
    this.#index += 1;
    this.#bytes = 0;
    this.#file = await this.#open();
  }

  #open(): Promise<FileHandle> {
    const path = logPath(this.#directory, this.#side, this.#index);
    return openToAppend(path, this.#tuning.fileMode, this.#owners);
  }
}

/** Writes everything; one `writev` may write less. */
async function writeAll(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let rest = [...pieces];
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest);
    rest = without(rest, bytesWritten);
  }
}

function without(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  let left = written;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (left < piece.length) rest.push(piece.subarray(left));
    left = Math.max(0, left - piece.length);
  }
  return rest;
}
