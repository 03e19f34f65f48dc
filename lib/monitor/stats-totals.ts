import { EndpointState } from '../endpoint.js';
import type { CommunicatorStats, Tally } from '../stats.js';

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
  readonly dropped: Tally;
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
    dropped: sum(endpoints.map(({ dropped }) => dropped)),
  };
}

function sum(tallies: readonly Tally[]): Tally {
  let [messages, bytes] = [0, 0];
  for (const tally of tallies) {
    messages += tally.messages;
    bytes += tally.bytes;
  }
  return { messages, bytes };
}
