import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { concat, defer, finalize, ignoreElements, mergeMap, type Observable } from 'rxjs';

import type { IncomingStream } from '../cellnet/index.js';
import { CommError, CommErrorCode } from '../comm-error.js';

/**
 * Opens a file to send.
 *
 * @throws CommError `BAD_CONFIG` where it cannot be read or is no file
 */
export async function openToSend(path: string): Promise<{ handle: FileHandle; size: number }> {
  try {
    const handle = await open(path);
    const stat = await handle.stat();
    if (stat.isFile()) return { handle, size: stat.size };
    await handle.close();
  } catch (error) {
    throw CommError.from(error, path, CommErrorCode.BAD_CONFIG);
  }
  throw new CommError(CommErrorCode.BAD_CONFIG, `${path}: expected a file, which has a size`);
}

/** @throws CommError `BAD_CONFIG` where no file can be made in the folder of this one */
export async function checkFolder(path: string): Promise<void> {
  await access(join(dirname(path), '/'), constants.W_OK).catch((error: unknown) => {
    throw CommError.from(error, path, CommErrorCode.BAD_CONFIG);
  });
}

/**
 * Writes a stream to a file beside the one that is asked for, and renames it when it is whole: nobody sees a part of it
 * under its name. What was there is replaced. Emits the number of bytes written. Unsubscribing removes the part.
 *
 * Errors as the stream does; with CommError where the file cannot be written, and the sender learns that it is refused.
 */
export function saveStream(stream: IncomingStream, path: string): Observable<number> {
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.part`);
  return defer(() => openPart(stream, part)).pipe(
    mergeMap((handle) => {
      let isWhole = false;
      const finished$ = defer(async () => {
        await handle.sync();
        await handle.close();
        await rename(part, path);
        isWhole = true;
      });
      return concat(
        stream.consume((chunk) => handle.writeFile(chunk)),
        finished$.pipe(ignoreElements()),
      ).pipe(
        finalize(() => {
          if (!isWhole) void discard(handle, part);
        }),
      );
    }),
  );
}

async function openPart(stream: IncomingStream, part: string): Promise<FileHandle> {
  try {
    return await open(part, 'wx');
  } catch (error) {
    stream.refuse('it cannot be written');
    throw CommError.from(error, part, CommErrorCode.BAD_CONFIG);
  }
}

async function discard(handle: FileHandle, part: string): Promise<void> {
  await handle.close().catch(() => undefined); // It may be closed already.
  await rm(part, { force: true });
}
