import type { Connection } from '../../lib/index.js';

/** What a connection has shown so far. */
interface Seen {
  readonly connection: Pick<Connection, 'activity'>;
  activity: number;
  at: number;
}

/** When each endpoint last gave a sign of life, to the tick: also where a write that had waited was taken. */
export class SignsOfLife {
  readonly #seen = new Map<string, Seen>();
  readonly #now: () => number;

  constructor(now = () => Date.now()) {
    this.#now = now;
  }

  /** From now on this connection is the endpoint's. */
  watch(name: string, connection: Pick<Connection, 'activity'>): void {
    this.#seen.set(name, { connection, activity: connection.activity, at: this.#now() });
  }

  tick(): void {
    for (const seen of this.#seen.values()) {
      const { activity } = seen.connection;
      if (activity === seen.activity) continue;
      seen.activity = activity;
      seen.at = this.#now();
    }
  }

  /** In milliseconds since 1970; 0 where it was never watched. */
  lastOf(name: string): number {
    return this.#seen.get(name)?.at ?? 0;
  }
}
