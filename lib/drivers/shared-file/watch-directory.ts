import { watch } from 'node:fs';

import { EMPTY, Observable } from 'rxjs';

import { logger } from '../../log.js';

const log = logger('shared-file');

/**
 * The names of files that change in a directory, as far as the system reports them: it does not see what other machines
 * do on a networked file system, and limits the number of watches. So this only shortens waits. It never errors.
 */
export function watchDirectory(path: string, isEnabled: boolean): Observable<string> {
  if (!isEnabled) return EMPTY;
  return new Observable((subscriber) => {
    try {
      const watcher = watch(path, (_event, name) => subscriber.next(name ?? ''));
      watcher.on('error', (error) => {
        log('%s is not watched any more: %s', path, error.message);
        subscriber.complete();
      });
      return () => watcher.close();
    } catch (error) {
      log('%s is not watched: %s', path, error);
      subscriber.complete();
      return undefined;
    }
  });
}
