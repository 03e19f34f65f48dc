import { readdir } from 'node:fs/promises';
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

import { logger } from '../../log.js';
import { collectDrafts } from './collect-garbage.js';
import { judgeDirectory } from './connection-directory.js';
import { FileConnection } from './file-connection.js';
import { fromFileError, isMissing, touch } from './files.js';
import { HIDDEN_PREFIX, leasePath } from './layout.js';
import type { ListenerDirectory } from './listener-directory.js';
import { holdLease } from './listener-lease.js';
import { backingOff, poll } from './poll.js';
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
    const names = await readdir(directory.connections);
    return names.filter((name) => !name.startsWith(HIDDEN_PREFIX) && !directory.knows(name)).sort();
  } catch (error) {
    if (isMissing(error)) throw fromFileError(error, directory.path);
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
  const { tuning, watches, lingerMs } = options;
  const path = join(directory.connections, name);
  const prepare = async (): Promise<boolean> => {
    const find = await judgeDirectory(path);
    if (find === 'leftover') await directory.condemn(name, tuning);
    if (find !== 'fresh') return false;
    await touch(leasePath(path, 'passive'), tuning.fileMode);
    return true;
  };
  const skip = (error: unknown) => {
    log('%s is not adopted: %s', path, error);
    return false;
  };
  return new Observable((subscriber) => {
    void prepare()
      .catch(skip)
      .then(async (isReady) => {
        if (!isReady) subscriber.complete();
        // The listener has ended meanwhile: whoever waits for us may know.
        else if (subscriber.closed) await directory.condemn(name, tuning).catch(skip);
        else {
          directory.enter(name);
          const released = () => directory.leave(name);
          subscriber.next(
            new FileConnection({ directory: path, side: 'passive', tuning, watches, lingerMs, released }),
          );
          subscriber.complete();
        }
      });
  });
}
