import type { Observable } from 'rxjs';

import type { Connection } from '../../transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Resources,
} from '../../transport/driver.js';
import { late, lazily } from '../lazily.js';
import { SHARED_FILE_SCHEME } from './file-url.js';
import type { SharedFileOptions } from './tuning.js';

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
    return lazily(load, ({ connectIn }) => connectIn(params, this.#options));
  }

  /**
   * Listens in the directory, and makes it if it is missing. A lease that may be of a live listener, on another machine
   * or of NVFlare, is first watched for two `lease_interval`s; if it changes, this errors with `BAD_CONFIG`.
   */
  listen(params: DriverParams): Observable<Listener> {
    return lazily(load, ({ listenIn }) => listenIn(params, this.#options));
  }

  /**
   * Makes a directory for a listener under `root_dir`, with a marker that it may be removed, and removes what listeners
   * that ended long ago have left there. `root_dir` is made if it is missing. The URL has the settings in its query, so
   * that both sides use the same.
   *
   * @throws CommError `BAD_CONFIG` without a `root_dir`
   */
  async resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    const { makeListenerDirectory } = await load();
    return makeListenerDirectory(scheme, resources, this.#options);
  }
}

const load = late(() => import('./directories.js'));
