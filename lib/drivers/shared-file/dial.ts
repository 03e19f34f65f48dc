import { join } from 'node:path';

import {
  concatMap,
  defer,
  exhaustMap,
  finalize,
  from,
  merge,
  type Observable,
  switchMap,
  take,
  tap,
  throwError,
  timer,
} from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { makeConnectionDirectory, markClosed, removeConnectionDirectory } from './connection-directory.js';
import { exists, look } from './files.js';
import { CONNECTIONS_DIRECTORY, leasePath, LISTENER_LEASE } from './layout.js';
import { backingOff, poll } from './poll.js';
import { type Owners, ownersOf, requireDirectory } from './trust.js';
import type { Tuning } from './tuning.js';
import { watchDirectory } from './watch-directory.js';

/** A connection directory that was adopted, and the users whose files in it may be used. */
export interface Dialled {
  readonly directory: string;
  readonly owners: Owners;
}

/**
 * Makes a connection directory for a listener and emits it once the listener has adopted it, as `passive.lease` shows.
 * Errors with CommError `NOT_READY` if nobody listens, at once or after `lease_timeout`, and with `BAD_DATA` if `conns`
 * is a link. The directory is removed then, and on unsubscribe before.
 */
export function dial(listenerDirectory: string, tuning: Tuning, watches: boolean): Observable<Dialled> {
  const parent = join(listenerDirectory, CONNECTIONS_DIRECTORY);
  const lease = join(listenerDirectory, LISTENER_LEASE);
  const nobody = (detail: string) =>
    new CommError(CommErrorCode.NOT_READY, `nobody listens on ${listenerDirectory}: ${detail}`);

  const make = async (): Promise<string> => {
    const connections = await look(parent);
    if (connections === undefined) throw nobody(`there is no ${CONNECTIONS_DIRECTORY}`);
    requireDirectory(connections, parent);
    if (!(await exists(lease))) throw nobody('it has no lease');
    return makeConnectionDirectory(parent, tuning);
  };
  const adopted = (directory: string): Observable<string> => {
    const seek = async (): Promise<string | undefined> => {
      if (await exists(leasePath(directory, 'passive'))) return directory;
      // A listener of ours takes its lease away when it ends.
      if (!(await exists(lease))) throw nobody('its lease is gone');
      return undefined;
    };
    const pace = backingOff(tuning.pollIntervalMs, tuning.maxPollIntervalMs);
    const late$ = timer(tuning.leaseTimeoutMs).pipe(
      exhaustMap(() => throwError(() => nobody(`not adopted within ${tuning.leaseTimeoutMs} ms`))),
    );
    return merge(poll(defer(seek), pace, watchDirectory(directory, watches)), late$).pipe(take(1));
  };
  return defer(() => {
    const making = make();
    let isAdopted = false;
    return from(making).pipe(
      switchMap(adopted),
      concatMap(async (directory) => ({ directory, owners: await ownersOf(listenerDirectory, directory) })),
      tap(() => (isAdopted = true)),
      finalize(() => {
        if (!isAdopted) void making.then((directory) => abandon(directory, tuning)).catch(() => undefined);
      }),
    );
  });
}

/** A listener that adopts it at this moment finds it closed. */
async function abandon(directory: string, tuning: Tuning): Promise<void> {
  await markClosed(directory, tuning);
  await removeConnectionDirectory(directory);
}
