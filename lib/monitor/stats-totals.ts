import { EndpointState } from '../endpoint.js';
import { addTallies, type CommunicatorStats, NOTHING, type Tally } from '../stats.js';

/** Sums over all endpoints and connections of a communicator, including those that a report leaves out. */
export interface StatsTotals {
  /** How many endpoints it knows. */
  readonly endpoints: number;
  /** How many of them are READY. */
  readonly ready: number;
  readonly connections: number;
  readonly received: Tally;
  readonly sent: Tally;
  readonly queued: Tally;
  readonly undelivered: Tally;
  readonly unknown: Tally;
}

/** The totals of a whole snapshot. */
export function totalsOf({ endpoints, connections }: CommunicatorStats): StatsTotals {
  return {
    endpoints: endpoints.length,
    ready: endpoints.filter(({ state }) => state === EndpointState.READY).length,
    connections: connections.length,
    received: sum(endpoints.map(({ received }) => received)),
    sent: sum(endpoints.map(({ sent }) => sent)),
    queued: sum(endpoints.map(({ queued }) => queued)),
    undelivered: sum(endpoints.map(({ undelivered }) => undelivered)),
    unknown: sum(endpoints.map(({ unknown }) => unknown)),
  };
}

/** What was lost for certain, and what may have been. */
export function lostOf({ undelivered, unknown }: Pick<StatsTotals, 'undelivered' | 'unknown'>): Tally {
  return addTallies(undelivered, unknown);
}

function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce(addTallies, NOTHING);
}
