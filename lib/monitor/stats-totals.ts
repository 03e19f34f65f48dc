import { EndpointState } from '../endpoint.js';
import { addTallies, type CommunicatorStats, NOTHING, type Tally } from '../stats.js';

/** Sums over all endpoints of a communicator but the watchers, including those that a report leaves out. */
export interface StatsTotals {
  /** How many endpoints it knows that are no watchers. */
  readonly endpoints: number;
  /** How many of them are READY. */
  readonly ready: number;
  /** How many watchers it knows, READY or not. */
  readonly watchers: number;
  /** How many connections it has, those of watchers included. */
  readonly connections: number;
  readonly received: Tally;
  readonly sent: Tally;
  readonly queued: Tally;
  readonly undelivered: Tally;
  readonly unknown: Tally;
}

/** The totals of a whole snapshot. */
export function totalsOf({ endpoints: all, connections }: CommunicatorStats): StatsTotals {
  const endpoints = all.filter((endpoint) => endpoint.isWatcher === undefined);
  return {
    endpoints: endpoints.length,
    ready: endpoints.filter(({ state }) => state === EndpointState.READY).length,
    watchers: all.length - endpoints.length,
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
