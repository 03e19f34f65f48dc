import { EndpointState, isReady } from '../endpoint.js';
import type { Communicator } from '../index.js';

/** What {@link RxflareHealth.check} looks at. */
export interface RxflareHealthOptions {
  /** The names of the endpoints that must be READY. Default: none. */
  readonly endpoints?: readonly string[];
}

/** A result as `@nestjs/terminus` takes it from an indicator, under the key that was asked for. */
export type RxflareHealthResult<Key extends string = string> = Record<
  Key,
  {
    readonly status: 'up' | 'down';
    /** How many endpoints are READY, watchers such as dashboards apart. */
    readonly ready: number;
    /** Of those that must be READY, the names of those that are not. */
    readonly missing: string[];
  }
>;

/** A health indicator: for `HealthCheckService` of `@nestjs/terminus`, or for a controller of your own. */
export class RxflareHealth {
  readonly #communicator: Communicator;

  /** `RxflareModule` makes it. */
  constructor(communicator: Communicator) {
    this.#communicator = communicator;
  }

  /**
   * Up while the communicator runs and all named endpoints are READY.
   *
   * @param key - the name of the result. Default: `rxflare`
   */
  check<Key extends string = 'rxflare'>(
    key: Key = 'rxflare' as Key,
    { endpoints = [] }: RxflareHealthOptions = {},
  ): RxflareHealthResult<Key> {
    const missing = endpoints.filter((name) => !isReady(this.#communicator.findEndpoint(name)));
    const { endpoints: known } = this.#communicator.stats();
    const sites = known.filter(({ isWatcher }) => isWatcher === undefined);
    const ready = sites.filter(({ state }) => state === EndpointState.READY).length;
    const status = this.#communicator.isRunning && missing.length === 0 ? 'up' : 'down';
    return { [key]: { status, ready, missing } } as RxflareHealthResult<Key>;
  }
}
