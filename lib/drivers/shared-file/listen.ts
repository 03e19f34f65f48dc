import { lstat, realpath } from 'node:fs/promises';

import {
  concat,
  concatMap,
  defer,
  finalize,
  from,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  Subject,
  tap,
} from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection } from '../../transport/connection.js';
import type { Listener } from '../../transport/driver.js';
import { accept, keepHouse } from './accept.js';
import { ensureDirectory } from './files.js';
import { ListenerDirectory } from './listener-directory.js';
import { isLeaseAlive, takeLease } from './listener-lease.js';
import { isOwned } from './owned-directory.js';
import { requireDirectory } from './trust.js';
import type { Tuning } from './tuning.js';

/** The time that a reader needs to read, after its longest wait. */
const LINGER_MS = 500;

/** What to listen on. */
export interface ListenOptions {
  readonly path: string;
  /** To tell in the {@link Listener}. */
  readonly url: string;
  readonly tuning: Tuning;
  readonly watches: boolean;
}

/**
 * Claims a directory, which is made if it is missing, and emits the listener; then adopts connections until
 * unsubscribed. Errors with CommError `BAD_CONFIG` if another listener has the directory.
 */
export function listen(options: ListenOptions): Observable<Listener> {
  return defer(() => from(makeReal(options))).pipe(
    concatMap((path) => listenIn(ListenerDirectory.claim(path), options)),
  );
}

function listenIn(directory: ListenerDirectory, options: ListenOptions): Observable<Listener> {
  const { tuning, watches, url } = options;
  const connections = new Subject<Connection>();
  let isOurLease = false;
  const claim$ = defer(() => from(directory.ready())).pipe(
    concatMap(() => isLeaseAlive(directory.lease, tuning)),
    map((isAlive) => {
      if (!isAlive) return;
      throw new CommError(
        CommErrorCode.BAD_CONFIG,
        `another listener keeps the lease of ${directory.path} alive`,
      );
    }),
    tap(() => (isOurLease = true)),
    concatMap(() => directory.run(() => prepare(directory, tuning))),
  );
  return claim$.pipe(
    concatMap((isOurs) => {
      // A directory that `resolveUrls` made is removed with its listener: peers get time to read what is in it.
      const lingerMs = isOurs ? tuning.maxPollIntervalMs + LINGER_MS : 0;
      const accepted$ = accept(directory, { tuning, watches, lingerMs }).pipe(
        tap((connection) => connections.next(connection)),
      );
      const work$ = merge(accepted$, keepHouse(directory, tuning)).pipe(ignoreElements());
      return concat(of({ url, connections$: connections.asObservable() }), work$);
    }),
    finalize(() => {
      connections.complete();
      directory.release(isOurLease);
    }),
  );
}

async function makeReal({ path, tuning }: ListenOptions): Promise<string> {
  await ensureDirectory(path, tuning.directoryMode);
  return realpath(path);
}

/** Takes the lease, and says whether the directory is one that `resolveUrls` made. */
async function prepare(directory: ListenerDirectory, tuning: Tuning): Promise<boolean> {
  await ensureDirectory(directory.connections, tuning.directoryMode);
  requireDirectory(await lstat(directory.connections), directory.connections);
  await takeLease(directory.lease, tuning);
  return isOwned(directory.path, undefined);
}
