import { open } from 'node:fs/promises';

import { filter, last, map, type Observable, takeUntil, tap } from 'rxjs';

import { CellError } from '../cellnet/cell-error.js';
import { ReturnCode } from '../cellnet/return-code.js';
import type { PullSource } from '../cellnet/source-failures.js';
import { messageOf } from '../comm-error.js';
import { badReply } from './command-reply.js';
import { FlareError, FlareStatus } from './flare-error.js';
import type { Steps } from './in-steps.js';
import type { TransferSession } from './job-transfer.js';
import { OverLimit } from './over-limit.js';

/** A file that a cell keeps for us until we have confirmed it. */
export interface KeptFile extends PullSource {
  /** Where it is written to. What is there already is the beginning of it. */
  readonly path: string;
  /** The most that it may have, in bytes. */
  readonly maxBytes: number;
}

/**
 * Pulls a file to its end, and goes on where the part that is there ends.
 *
 * @param onBytes - called with the size of what is there, after each step
 * @returns its size
 * @throws FlareError `bad_reply`, `bad_archive` where it is too large, `no_connection`; CellError as `Cell.pullFile` does
 */
export async function pullFile(
  { cell, state$ }: TransferSession,
  { path, maxBytes, ...source }: KeptFile,
  steps: Steps<unknown>,
  onBytes: (received: number) => void,
): Promise<number> {
  const file = await open(path, 'a', 0o600);
  try {
    let { size } = await file.stat();
    onBytes(size);
    const append = async (chunk: Uint8Array): Promise<void> => {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(path, maxBytes);
      await file.appendFile(chunk);
    };
    const received$ = cell.pullFile(source, append, size).pipe(tap(onBytes), takeUntil(lost(state$)), last());
    return await steps.first(received$);
  } catch (error) {
    const isStrange = error instanceof CellError && error.returnCode === ReturnCode.INVALID_REQUEST;
    throw isStrange ? badReply('download_job', messageOf(error)) : error;
  } finally {
    await file.close();
  }
}

/** A step is a stream: it would wait for a server to come back, which then knows no such file. */
function lost(state$: TransferSession['state$']): Observable<never> {
  return state$.pipe(
    filter(({ type }) => type === 'reconnecting'),
    map(() => {
      throw new FlareError(FlareStatus.NO_CONNECTION, 'the server has gone');
    }),
  );
}

function tooLarge(path: string, maxBytes: number): OverLimit {
  return new OverLimit(`${path} is not complete, it has more than the ${maxBytes} bytes that are allowed`);
}
