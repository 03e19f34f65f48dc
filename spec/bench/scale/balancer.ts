import { defer, type Observable } from 'rxjs';

import type { Connection } from '../../../lib/index.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
  Resources,
} from '../../../lib/transport/driver.js';
import { parseUrl } from '../package.js';

/** What a load balancer in front of the replicas of a hub does: each connection goes to the next one, whether it lives or not. */
export class Balancer implements Driver {
  readonly schemes = ['balanced'] as const;
  readonly capabilities: DriverCapabilities;
  /** The scheme of the URLs. */
  readonly transport: string;
  readonly #driver: Driver;
  readonly #targets: readonly DriverParams[];
  #connects = 0;

  /**
   * @param drivers - one of them has the scheme of the URLs
   * @param urls - of the replicas, all on one transport
   */
  constructor(drivers: readonly Driver[], urls: readonly string[]) {
    this.#targets = urls.map((url) => parseUrl(url));
    this.transport = this.#targets[0]?.scheme ?? '';
    const driver = drivers.find(({ schemes }) => schemes.includes(this.transport));
    if (driver === undefined) throw new Error(`no driver for ${this.transport}`);
    this.#driver = driver;
    this.capabilities = driver.capabilities;
  }

  connect(params: DriverParams): Observable<Connection> {
    return defer(() => {
      const target = this.#targets[this.#connects % this.#targets.length];
      this.#connects += 1;
      return this.#driver.connect({ ...params, ...target });
    });
  }

  listen(params: DriverParams): Observable<Listener> {
    return this.#driver.listen(params);
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return this.#driver.resolveUrls(scheme, resources);
  }
}
