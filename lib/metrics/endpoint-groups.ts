import { CommError, CommErrorCode } from '../comm-error.js';

/** All endpoints that have no series of their own. */
const OTHER = '_other';

/** What `recordMetrics` takes beside the meter: which endpoints have series of their own. */
export interface MetricsOptions {
  /**
   * Chooses endpoints that get series of their own, with their name in the attribute `rxflare.endpoint.name`; there
   * it is `_other` for the sum of all the rest, an endpoint of that very name included. The endpoints of a list have series
   * from the start, also before they first connect. A function is called once for each endpoint that is no watcher, and
   * must not throw. Default: no endpoint is chosen, all are in one sum, and there is no such attribute.
   */
  readonly endpoints?: readonly string[] | ((name: string) => boolean);
  /**
   * The most endpoints that get series of their own: the first that are chosen. They keep them until the subscription
   * ends, since a series that goes to another endpoint would mix the two. Default: 50. Range: 1 to 1000.
   */
  readonly maxEndpoints?: number;
}

/** Says which series an endpoint belongs to. A group is the name of an endpoint, or `_other`, or `undefined` for all. */
export class EndpointGroups {
  readonly #isChosen: ((name: string) => boolean) | undefined;
  readonly #max: number;
  readonly #own: Set<string>;

  /** @throws CommError `BAD_CONFIG` for a limit that cannot be, or a list that is longer */
  constructor({ endpoints, maxEndpoints = 50 }: MetricsOptions) {
    if (!Number.isInteger(maxEndpoints) || maxEndpoints < 1 || maxEndpoints > 1_000) {
      const detail = `maxEndpoints: expected an integer from 1 to 1000, got ${maxEndpoints}`;
      throw new CommError(CommErrorCode.BAD_CONFIG, detail);
    }
    const isFunction = typeof endpoints === 'function';
    this.#own = new Set(isFunction ? [] : endpoints?.filter((name) => name !== OTHER));
    if (this.#own.size > maxEndpoints) {
      const detail = `endpoints: expected at most ${maxEndpoints} names (maxEndpoints), got ${this.#own.size}`;
      throw new CommError(CommErrorCode.BAD_CONFIG, detail);
    }
    this.#isChosen = endpoints === undefined || isFunction ? endpoints : () => false;
    this.#max = maxEndpoints;
  }

  /** Where the figures of endpoints without a group of their own are. */
  get rest(): string | undefined {
    return this.#isChosen === undefined ? undefined : OTHER;
  }

  /** All groups that there are from the start. */
  get first(): readonly (string | undefined)[] {
    return [this.rest, ...this.#own];
  }

  /** The group of an endpoint that was not there at the last look. */
  of(name: string): string | undefined {
    if (this.#own.has(name)) return name;
    // An endpoint may have that name itself: it is one of the rest then, and takes no place.
    if (name === OTHER || this.#isChosen === undefined) return this.rest;
    if (this.#own.size >= this.#max || !this.#isChosen(name)) return this.rest;
    this.#own.add(name);
    return name;
  }
}
