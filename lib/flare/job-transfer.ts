import { filter, mergeMap, type Observable, of, switchMap, take, throwError, timeout, timer } from 'rxjs';

import type { Cell } from '../cellnet/cell.js';
import { CellError } from '../cellnet/cell-error.js';
import { ReturnCode } from '../cellnet/return-code.js';
import { FlareError, FlareStatus } from './flare-error.js';
import type { Signer } from './job-signature.js';
import type { SessionCore } from './session-core.js';

/** What a transfer of files needs of a session. */
export interface TransferSession extends Pick<
  SessionCore,
  'scheduler' | 'state$' | 'serverVersion' | 'command' | 'commandText'
> {
  readonly cell: Pick<Cell, 'request' | 'fire' | 'pullFile'>;
  readonly identity: Signer & { readonly name: string };
}

/** A transfer that was interrupted goes on so often, unless something has moved in between. */
export const ATTEMPTS = 5;

/** Before it goes on: a connection that was lost is not known to be at once. */
const PAUSE_MS = 1_000;

const INTERRUPTIONS: ReadonlySet<string> = new Set([
  ReturnCode.TIMEOUT,
  ReturnCode.TARGET_UNREACHABLE,
  ReturnCode.COMM_ERROR,
  ReturnCode.SERVICE_UNAVAILABLE,
]);

/** Whether a step has failed for a connection or a server that may come back. */
export function isInterruption(error: unknown): boolean {
  if (error instanceof FlareError) return error.status === FlareStatus.NO_CONNECTION;
  return error instanceof CellError && INTERRUPTIONS.has(error.returnCode);
}

/**
 * Emits once the server is there again.
 *
 * @param patienceMs - how long it may be away; then FlareError `no_connection`
 */
export function backAgain({ state$, scheduler }: TransferSession, patienceMs: number): Observable<unknown> {
  const text = `the server was not connected for ${patienceMs} ms`;
  return timer(PAUSE_MS, scheduler).pipe(
    switchMap(() => state$),
    filter(({ type }) => type !== 'reconnecting'),
    take(1),
    mergeMap((state) => (state.type === 'ended' ? throwError(() => state.error) : of(state))),
    timeout({
      first: patienceMs,
      with: () => throwError(() => new FlareError(FlareStatus.NO_CONNECTION, text)),
      scheduler,
    }),
  );
}
