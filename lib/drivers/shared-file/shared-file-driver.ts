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
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Resources,
} from '../../transport/driver.js';
import { describeParams } from '../../transport/url.js';
import { fromNodeError } from '../node/node-errors.js';
import { collectListeners } from './collect-garbage.js';
import { dial } from './dial.js';
import { FileConnection } from './file-connection.js';
import { formatFileUrl, requireCleanPath, requireDirectory, SHARED_FILE_SCHEME } from './file-url.js';
import { createFile, ensureDirectory, makeDirectory } from './files.js';
import { CONNECTIONS_DIRECTORY, LISTENER_PREFIX, OWNER_MARKER } from './layout.js';
import { listen } from './listen.js';
import { resolveTuning, type SharedFileSettings } from './tuning.js';

const log = logger('shared-file');

/** Characters of a listener directory's name, as in NVFlare's `get_urls`. */
const NAME_LENGTH = 8;

/**
 * Settings for all connectors of a driver. They win over those of URLs and resources, as the `shared-file` section of
 * NVFlare's `comm_config.json` does. `max_log_size` is not among them, since both sides must have the same.
 */
export interface SharedFileOptions extends Omit<SharedFileSettings, 'max_log_size'> {
  /** Where `startListener` makes directories. Default: none; the resources of a listener may name one. */
  readonly root_dir?: string;
  /** Whether to watch directories, which shortens waits on a local disk. Default: true. */
  readonly watch?: boolean;
}

/**
 * `shared-file://0/absolute/dir?poll_interval=...`: connections in a directory that both sides can reach, for sites
 * that share a file system and no network; wire-compatible with NVFlare 2.9 (`file_driver.py`). The query and the
 * resources may have {@link SharedFileSettings}. The permissions of the directory are the only protection.
 *
 * A log stays on disk until it is full (`max_log_size`) and read, or until the connection ends: allow for a few times
 * `max_log_size` per connection and direction.
 *
 * @example
 * ```ts
 * const drivers = new DriverRegistry([new SharedFileDriver({ root_dir: '/shared/flare' })]);
 * const parent = new Communicator(new Endpoint('site-1'), {}, drivers);
 * await parent.start();
 * const { connectUrl } = await parent.startListener('shared-file');
 * ```
 */
export class SharedFileDriver implements Driver {
  readonly schemes = [SHARED_FILE_SCHEME] as const;
  /** The same as NVFlare's driver reports. */
  readonly capabilities: DriverCapabilities = { tls: false, heartbeat: true, listen: true };
  readonly #options: SharedFileOptions;

  /** Without options, the driver has no `root_dir` and NVFlare's tuning. */
  constructor(options: SharedFileOptions = {}) {
    this.#options = options;
  }

  /** Emits once the listener has adopted the connection; errors with `NOT_READY` if nobody listens. */
  connect(params: DriverParams): Observable<Connection> {
    return defer(() => {
      const path = requireDirectory(params);
      const tuning = resolveTuning(params, this.#options);
      const watches = this.#options.watch ?? true;
      return dial(path, tuning, watches).pipe(
        inWordsOf(params),
        concatMap((dialled) =>
          new FileConnection({ ...dialled, side: 'active', tuning, watches, lingerMs: 0 }).lifetime(),
        ),
      );
    });
  }

  /**
   * Listens in the directory, and makes it if it is missing. A lease that may be of a live listener, on another machine
   * or of NVFlare, is first watched for two `lease_interval`s; if it changes, this errors with `BAD_CONFIG`.
   */
  listen(params: DriverParams): Observable<Listener> {
    return defer(() => {
      const path = requireDirectory(params);
      const tuning = resolveTuning(params, this.#options);
      const url = formatFileUrl(path, params);
      return listen({ path, url, tuning, watches: this.#options.watch ?? true }).pipe(inWordsOf(params));
    });
  }

  /**
   * Makes a directory for a listener under `root_dir`, with a marker that it may be removed, and removes what listeners
   * that ended long ago have left there. `root_dir` is made if it is missing. The URL has the settings in its query, so
   * that both sides use the same.
   *
   * @throws CommError `BAD_CONFIG` without a `root_dir`
   */
  async resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    const root = resources.root_dir ?? this.#options.root_dir;
    if (typeof root !== 'string' || root === '') {
      throw new CommError(CommErrorCode.BAD_CONFIG, `${scheme}: expected a root_dir to make a directory in`);
    }
    const rootDirectory = requireCleanPath(resolve(root), scheme);
    const { directoryMode, fileMode } = resolveTuning(resources, this.#options);
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
}

/** Makes every error a CommError that names the URL. */
function inWordsOf<T>(params: DriverParams): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => throwError(() => fromNodeError(error, describeParams(params))));
}
