import { join } from 'node:path';

import {
  concatMap,
  defer,
  exhaustMap,
  from,
  ignoreElements,
  map,
  Observable,
  tap,
  timer,
  toArray,
} from 'rxjs';

import { CommError } from '../../comm-error.js';
import { logger } from '../../log.js';
import { collectDrafts } from './collect-garbage.js';
import { judgeDirectory } from './connection-directory.js';
import { FileConnection } from './file-connection.js';
import { fromFileError } from './file-errors.js';
import { createFile, exists, namesIn } from './files.js';
import { HIDDEN_PREFIX, leasePath } from './layout.js';
import type { ListenerDirectory } from './listener-directory.js';
import { holdLease } from './listener-lease.js';
import { backingOff, poll } from './poll.js';
import { ownersOf } from './trust.js';
import type { Tuning } from './tuning.js';
import { watchDirectory } from './watch-directory.js';

const log = logger('shared-file');

/** How a listener accepts. */
export interface AcceptOptions {
  readonly tuning: Tuning;
  readonly watches: boolean;
  /** What its connections have as `lingerMs`. */
  readonly lingerMs: number;
}

/** Adopts each new connection directory of a listener and emits its connection. Errors when it is gone. */
export function accept(directory: ListenerDirectory, options: AcceptOptions): Observable<FileConnection> {
  const { pollIntervalMs, maxPollIntervalMs } = options.tuning;
  return new Observable((subscriber) => {
    const look$ = defer(() => newNames(directory)).pipe(
      concatMap((names) => from(names)),
      concatMap((name) => adopt(directory, name, options)),
      tap((connection) => subscriber.next(connection)),
      toArray(),
      map((accepted) => (accepted.length === 0 ? undefined : accepted.length)),
    );
    const wake$ = watchDirectory(directory.connections, options.watches);
    return poll(look$, backingOff(pollIntervalMs, maxPollIntervalMs), wake$)
      .pipe(ignoreElements())
      .subscribe(subscriber);
  });
}

/** Keeps the lease of a listener, and removes what is left of old connections, every `lease_interval`. */
export function keepHouse(directory: ListenerDirectory, tuning: Tuning): Observable<never> {
  return timer(0, tuning.leaseIntervalMs).pipe(
    exhaustMap(() =>
      directory.run(async () => {
        await holdLease(directory.lease, tuning);
        await directory.collect(tuning);
        await collectDrafts(directory.connections);
      }),
    ),
    ignoreElements(),
  );
}

async function newNames(directory: ListenerDirectory): Promise<readonly string[]> {
  try {
    const names = await namesIn(directory.connections);
    directory.retain(names);
    return names.filter((name) => !name.startsWith(HIDDEN_PREFIX) && !directory.knows(name)).sort();
  } catch (error) {
    const isThere = await exists(directory.connections).catch(() => true);
    if (error instanceof CommError || !isThere) throw fromFileError(error, directory.path);
    // As in NVFlare: a networked file system may have a bad moment.
    log('%s cannot be listed: %s', directory.connections, error);
    return [];
  }
}

function adopt(
  directory: ListenerDirectory,
  name: string,
  options: AcceptOptions,
): Observable<FileConnection> {
  const path = join(directory.connections, name);
  const released = (): Promise<void> => directory.leave(name);
  return new Observable((subscriber) => {
    const finish = async (): Promise<void> => {
      if (!(await claim(directory, name, options.tuning))) return;
      const owners = await ownersOf(directory.path, path);
      // The listener has ended in between: the other side must not wait for it.
      if (subscriber.closed) return directory.condemn(name, options.tuning);
      directory.enter(name);
      subscriber.next(new FileConnection({ ...options, directory: path, side: 'passive', owners, released }));
    };
    const refuse = (error: unknown): void => {
      log('%s is not adopted: %s', path, error);
      directory.ignore(name);
    };
    void finish()
      .catch(refuse)
      .then(() => subscriber.complete());
  });
}

/** Puts our lease into a new connection directory; says whether it is one. */
async function claim(directory: ListenerDirectory, name: string, tuning: Tuning): Promise<boolean> {
  const path = join(directory.connections, name);
  const find = await judgeDirectory(path);
  if (find === 'leftover') await directory.condemn(name, tuning);
  if (find === 'foreign') directory.ignore(name);
  if (find !== 'fresh') return false;
  await createFile(leasePath(path, 'passive'), tuning.fileMode);
  return true;
}
