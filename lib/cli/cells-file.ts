import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

import {
  catchError,
  concat,
  defer,
  finalize,
  from,
  ignoreElements,
  mergeMap,
  type Observable,
  throwError,
} from 'rxjs';

import type { IncomingStream } from '../cellnet/index.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { sizeText } from './text-of-payload.js';

/** Bits of a file mode: what owner, group and all may do. */
const PERMISSIONS = 0o777;

/**
 * Opens a file to send.
 *
 * @throws CommError `BAD_CONFIG` where it cannot be read or is no file
 */
export async function openToSend(path: string): Promise<{ handle: FileHandle; size: number }> {
  try {
    // To open a pipe does not wait for who writes to it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (stat.isFile()) return { handle, size: stat.size };
    await handle.close();
  } catch (error) {
    throw CommError.from(error, path, CommErrorCode.BAD_CONFIG);
  }
  throw new CommError(CommErrorCode.BAD_CONFIG, `${path}: expected a file, which has a size`);
}

/**
 * Whether a file may be saved under this path: what is there already must be a regular file, and no link to one.
 *
 * @returns the permissions of the file that is there; `undefined` where none is
 * @throws CommError `BAD_CONFIG` for anything else, and where no file can be made in the folder
 */
export async function checkTarget(path: string): Promise<number | undefined> {
  const target = await lstat(path).catch(ignoreMissing).catch(asBadConfig(path));
  if (target?.isFile() === false) {
    const kind = target.isDirectory()
      ? 'folder'
      : target.isSymbolicLink()
        ? 'symbolic link'
        : 'pipe or a device';
    throw new CommError(CommErrorCode.BAD_CONFIG, `${path} is a ${kind}: expected a new or a regular file`);
  }
  if (path === '' || path.endsWith('/') || path.endsWith(sep))
    throw new CommError(CommErrorCode.BAD_CONFIG, `${path}: expected a file, got the name of a folder`);
  await access(join(dirname(path), '/'), constants.W_OK).catch(asBadConfig(path));
  return target === undefined ? undefined : target.mode & PERMISSIONS;
}

/**
 * Writes a stream to a file beside the one that is asked for, and renames it when it is whole: nobody sees a part of it
 * under its name. A regular file that was there is replaced, and its permissions stay. Emits the number of bytes written.
 * Unsubscribing removes the part.
 *
 * Errors as the stream does; with CommError where the file cannot be written, and with `BAD_DATA` where the stream has more
 * than `maxBytes`. The sender learns that it is refused.
 */
export function saveStream(stream: IncomingStream, path: string, maxBytes: number): Observable<number> {
  // A name of its own, since that of the file may be as long as a name can be.
  const part = join(dirname(path), `.rxflare-${randomBytes(4).toString('hex')}.part`);
  const problem = `it has more than ${sizeText(maxBytes)}`;
  const tooLarge = () => {
    stream.refuse(problem);
    return new CommError(CommErrorCode.BAD_DATA, `stream of ${stream.origin}: ${problem}, see --max-size`);
  };
  const written = (handle: FileHandle): Observable<number> => {
    let bytes = 0;
    const finished$ = defer(async () => {
      const mode = await checkTarget(path);
      if (mode !== undefined) await handle.chmod(mode);
      await handle.sync();
      await handle.close();
      await rename(part, path);
    });
    const write = (chunk: Uint8Array): Promise<void> => {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge();
      return handle.writeFile(chunk);
    };
    // What we refuse while it comes errors with that.
    const written$ = stream
      .consume(write, { borrow: true })
      .pipe(
        catchError((error: unknown) =>
          throwError(() => (bytes > maxBytes ? tooLarge() : CommError.from(error))),
        ),
      );
    return concat(written$, finished$.pipe(ignoreElements()));
  };
  return defer(() => {
    if (stream.size !== undefined && stream.size > maxBytes) throw tooLarge();
    const opening = openPart(stream, part, path);
    return from(opening).pipe(
      mergeMap(written),
      finalize(() => void discard(opening, part)),
    );
  });
}

async function openPart(stream: IncomingStream, part: string, path: string): Promise<FileHandle> {
  try {
    return await open(part, 'wx', await checkTarget(path));
  } catch (error) {
    stream.refuse('it cannot be written');
    throw CommError.from(error, part, CommErrorCode.BAD_CONFIG);
  }
}

/** Closes and removes a part, be it open yet or not. Of a whole one nothing is left to do: the file has its name now. */
async function discard(opening: Promise<FileHandle>, part: string): Promise<void> {
  const handle = await opening.catch(() => undefined);
  if (handle === undefined) return;
  await handle.close().catch(() => undefined); // It may be closed already.
  await rm(part, { force: true }).catch(() => undefined); // Nobody may write to the folder any more.
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
  throw error;
}

function asBadConfig(path: string) {
  return (error: unknown): never => {
    throw CommError.from(error, path, CommErrorCode.BAD_CONFIG);
  };
}
