import { EndpointState } from '../endpoint.js';
import type { EndpointStats } from '../stats.js';
import type { EndpointGroups } from './endpoint-groups.js';
import { ENDPOINT_COUNTERS, ENDPOINT_LEVELS } from './endpoint-metrics.js';
import { addFigures, readersOf } from './metric.js';

const COUNTERS = readersOf(ENDPOINT_COUNTERS);
const LEVELS = readersOf(ENDPOINT_LEVELS);

/** Figures in the order of the metrics and their series, by group. Those that are missing are 0. */
export type Sums = ReadonlyMap<string | undefined, readonly number[]>;

interface Seen {
  readonly group: string | undefined;
  readonly counters: readonly number[];
}

/**
 * Sums over endpoints, by group; watchers are counted and are in no sum, as in the `totals` of a report. A communicator forgets endpoints, and what they sent with them; here the sums of
 * counters keep it, since a counter that falls is taken for a restart.
 */
export class EndpointSums {
  readonly #groups: EndpointGroups;
  readonly #counters = new Map<string | undefined, number[]>();
  #levels = new Map<string | undefined, number[]>();
  /** Of each endpoint that the communicator knows, the last look. */
  #seen: ReadonlyMap<string, Seen> = new Map();
  #watchers = 0;

  constructor(groups: EndpointGroups) {
    this.#groups = groups;
    for (const group of groups.first) this.#counters.set(group, []);
  }

  /** Takes a snapshot in. */
  update(endpoints: readonly EndpointStats[]): void {
    const seen = new Map<string, Seen>();
    // Also groups without an endpoint have figures: OpenTelemetry's SDK goes on to report what it was told last.
    this.#levels = new Map([...this.#counters.keys()].map((group) => [group, []]));
    this.#watchers = 0;
    for (const endpoint of endpoints) {
      if (endpoint.isWatcher === true) {
        this.#watchers += Number(endpoint.state === EndpointState.READY);
        continue;
      }
      const before = this.#seen.get(endpoint.name);
      const group = before === undefined ? this.#groups.of(endpoint.name) : before.group;
      const counters = COUNTERS.map((read) => read(endpoint));
      addGrowth(sumsOf(this.#counters, group), counters, before?.counters ?? []);
      addFigures(sumsOf(this.#levels, group), LEVELS, endpoint);
      seen.set(endpoint.name, { group, counters });
    }
    this.#seen = seen;
  }

  /** What only grows. */
  get counters(): Sums {
    return this.#counters;
  }

  /** How many watchers were READY at the last update. */
  get watchers(): number {
    return this.#watchers;
  }

  /** What was so at the last update. */
  get levels(): Sums {
    return this.#levels;
  }
}

function sumsOf(groups: Map<string | undefined, number[]>, group: string | undefined): number[] {
  const known = groups.get(group);
  if (known !== undefined) return known;
  const sums: number[] = [];
  groups.set(group, sums);
  return sums;
}

/** Adds how much each figure grew. One that fell began again: the endpoint was forgotten, and came back. */
function addGrowth(sums: number[], figures: readonly number[], before: readonly number[]): void {
  figures.forEach((figure, place) => {
    const last = before[place] ?? 0;
    sums[place] = (sums[place] ?? 0) + (figure < last ? figure : figure - last);
  });
}
