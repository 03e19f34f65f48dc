import { readFileSync, statSync } from 'node:fs';

import { CommError, CommErrorCode } from '../comm-error.js';

/** No certificate, key or configuration comes near it. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a file of a person's choice. A pipe, which would block the process, and a device, which may have no end, are not
 * opened.
 *
 * @throws CommError `BAD_CONFIG` where it cannot be read, is no regular file, is empty, or is larger than 1 MiB
 */
export function readSmallFile(path: string, encoding: 'utf8' | 'latin1'): string {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw unfit(path, stats.isDirectory() ? 'is a folder' : 'is a pipe or a device');
    // Those of /proc have no size, and may block.
    if (stats.size === 0) throw unfit(path, 'is empty');
    if (stats.size > MAX_BYTES) throw unfit(path, `has ${stats.size} bytes, which is too much`);
    return readFileSync(path, encoding);
  } catch (error) {
    throw CommError.from(error, `${path} cannot be read`, CommErrorCode.BAD_CONFIG);
  }
}

function unfit(path: string, problem: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `${path} ${problem}: expected a file of at most 1 MiB`);
}
