import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';

import {
  catchError,
  concatMap,
  defer,
  type MonoTypeOperatorFunction,
  type Observable,
  throwError,
} from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { logger } from '../../log.js';
import type { Connection } from '../../transport/connection.js';
import type { DriverParams, Listener, ListenerUrls, Resources } from '../../transport/driver.js';
import { describeParams } from '../../transport/url.js';
import { fromNodeError } from '../node/node-errors.js';
import { collectListeners } from './collect-garbage.js';
import { dial } from './dial.js';
import { FileConnection } from './file-connection.js';
import { formatFileUrl, requireCleanPath, requireDirectory } from './file-url.js';
import { createFile, ensureDirectory, makeDirectory } from './files.js';
import { CONNECTIONS_DIRECTORY, LISTENER_PREFIX, OWNER_MARKER } from './layout.js';
import { listen } from './listen.js';
import { resolveTuning, type SharedFileOptions } from './tuning.js';

const log = logger('shared-file');

/** Characters of a listener directory's name, as in NVFlare's `get_urls`. */
const NAME_LENGTH = 8;

/** Emits once the listener has adopted the connection; errors with `NOT_READY` if nobody listens. */
export function connectIn(params: DriverParams, options: SharedFileOptions): Observable<Connection> {
  return defer(() => {
    const path = requireDirectory(params);
    const tuning = resolveTuning(params, options);
    const watches = options.watch ?? true;
    return dial(path, tuning, watches).pipe(
      inWordsOf(params),
      concatMap((dialled) =>
        new FileConnection({ ...dialled, side: 'active', tuning, watches, lingerMs: 0 }).lifetime(),
      ),
    );
  });
}

/** Listens in the directory, and makes it if it is missing. */
export function listenIn(params: DriverParams, options: SharedFileOptions): Observable<Listener> {
  return defer(() => {
    const path = requireDirectory(params);
    const tuning = resolveTuning(params, options);
    const url = formatFileUrl(path, params);
    return listen({ path, url, tuning, watches: options.watch ?? true }).pipe(inWordsOf(params));
  });
}

/**
 * Makes a directory for a listener under `root_dir`.
 *
 * @throws CommError `BAD_CONFIG` without a `root_dir`
 */
export async function makeListenerDirectory(
  scheme: string,
  resources: Resources,
  options: SharedFileOptions,
): Promise<ListenerUrls> {
  const root = resources.root_dir ?? options.root_dir;
  if (typeof root !== 'string' || root === '') {
    throw new CommError(CommErrorCode.BAD_CONFIG, `${scheme}: expected a root_dir to make a directory in`);
  }
  const rootDirectory = requireCleanPath(resolve(root), scheme);
  const { directoryMode, fileMode } = resolveTuning(resources, options);
  const name = LISTENER_PREFIX + randomUUID().slice(0, NAME_LENGTH);
  const directory = join(rootDirectory, name);
  try {
    await ensureDirectory(rootDirectory, directoryMode);
    // Not awaited, since large directories take long.
    void collectListeners(rootDirectory);
    await makeDirectory(directory, directoryMode);
    await makeDirectory(join(directory, CONNECTIONS_DIRECTORY), directoryMode);
    await createFile(join(directory, OWNER_MARKER), fileMode);
  } catch (error) {
    throw fromNodeError(error, rootDirectory);
  }
  log('%s is made for a listener', directory);
  const url = formatFileUrl(directory, resources);
  return { connectUrl: url, listenUrl: url };
}

/** Makes every error a CommError that names the URL. */
function inWordsOf<T>(params: DriverParams): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => throwError(() => fromNodeError(error, describeParams(params))));
}
