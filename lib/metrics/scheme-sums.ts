import type { ConnectionStats } from '../stats.js';
import { CONNECTION_LEVELS } from './connection-metrics.js';
import { addFigures, readersOf } from './metric.js';

const LEVELS = readersOf(CONNECTION_LEVELS);

/** Sums over connections, by the scheme of their connectors. A scheme that was seen once is reported ever after. */
export class SchemeSums {
  #levels = new Map<string, number[]>();

  /** Takes a snapshot in. */
  update(connections: readonly ConnectionStats[]): void {
    this.#levels = new Map([...this.#levels.keys()].map((scheme) => [scheme, []]));
    for (const connection of connections) {
      const sums = this.#levels.get(connection.scheme) ?? [];
      addFigures(sums, LEVELS, connection);
      this.#levels.set(connection.scheme, sums);
    }
  }

  /** Figures in the order of the metrics and their series, by scheme. Those that are missing are 0. */
  get levels(): ReadonlyMap<string, readonly number[]> {
    return this.#levels;
  }
}
