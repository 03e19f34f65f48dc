import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';

import { catchError, concatMap, defer, type MonoTypeOperatorFunction, Observable, throwError } from 'rxjs';

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
 * What all connectors of a driver have in common: settings that win over those of URLs and resources, as the
 * `shared-file` section of NVFlare's `comm_config.json` does. `max_log_size` is none of them, since both sides must
 * have the same.
 */
export interface SharedFileOptions extends Omit<SharedFileSettings, 'max_log_size'> {
  /** Where `startListener` makes directories, unless its resources say. */
  readonly root_dir?: string;
  /** Whether to let the system tell of changes, which shortens waits on a local disk. True unless told. */
  readonly watch?: boolean;
}

/**
 * `shared-file://0/absolute/dir?poll_interval=...`: connections in a directory that both sides can reach, for sites
 * that share a file system and no network; wire-compatible with NVFlare 2.9 (`file_driver.py`). The query and the
 * resources may have {@link SharedFileSettings}. Who may use the directory is the only protection there is.
 *
 * What was sent stays on disk until the other side has read `max_log_size` of it, and to the end of the connection
 * otherwise: reckon with a few times `max_log_size` per connection and direction.
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
  /** As NVFlare's driver says of itself. */
  readonly capabilities: DriverCapabilities = { tls: false, heartbeat: true, listen: true };
  readonly #options: SharedFileOptions;

  /** Without options: no root of its own, and NVFlare's tuning. */
  constructor(options: SharedFileOptions = {}) {
    this.#options = options;
  }

  /** Emits once the listener has adopted the connection; where nobody listens it errors with `NOT_READY`. */
  connect(params: DriverParams): Observable<Connection> {
    return defer(() => {
      const path = requireDirectory(params);
      const tuning = resolveTuning(params, this.#options);
      const watches = this.#options.watch ?? true;
      return dial(path, tuning, watches).pipe(
        inWordsOf(params),
        concatMap(({ directory, owners }) => {
          const released = () => Promise.resolve();
          return lifeOf(
            new FileConnection({ directory, side: 'active', owners, tuning, watches, lingerMs: 0, released }),
            describeParams(params),
          );
        }),
      );
    });
  }

  /**
   * Listens in the directory, which is made where it is missing. Where its lease may be somebody else's, who listens
   * on another machine or with NVFlare, it is watched for two `lease_interval`s first; `BAD_CONFIG` where it is kept.
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
   * Makes a directory for a listener under `root_dir`, which is made where it is missing, with a mark that it may
   * be removed; removes what listeners that ended long ago have left there. The URL has the settings in its query, so that
   * both sides use the same.
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
      // Large ones take their time, and nobody needs to wait for it.
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

/** Emits the connection and ends as it does; unsubscribing ends it. */
function lifeOf(connection: FileConnection, context: string): Observable<Connection> {
  return new Observable((subscriber) => {
    subscriber.next(connection);
    subscriber.add(connection.closed$.subscribe(subscriber));
    return () => void connection.close(new CommError(CommErrorCode.CLOSED, `${context}: released`));
  });
}

/** Makes every error a CommError that names the URL. */
function inWordsOf<T>(params: DriverParams): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => throwError(() => fromNodeError(error, describeParams(params))));
}
