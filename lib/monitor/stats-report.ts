import type { CommunicatorStats } from '../stats.js';
import type { ReportedEvent } from './reported-event.js';
import type { StatsTotals } from './stats-totals.js';

/**
 * What a picture is worth. `live`: it has just come. Any other one is the last that came, and it is old: `silent`,
 * the endpoint is connected and tells nothing; `away`, it is not connected; `ended`, it has told that it will tell
 * no more.
 */
export type StatsStatus = 'live' | 'silent' | 'away' | 'ended';

/** What a watched endpoint reports. */
export interface StatsReport {
  readonly status: StatsStatus;
  /**
   * The picture of its communicator at `stats.at`. Of many endpoints it has the busiest, and their connections:
   * `totals.endpoints` says how many there are.
   */
  readonly stats: CommunicatorStats;
  readonly totals: StatsTotals;
  /** What happened there since the last report; in the first one, what it still knows of. */
  readonly events: readonly ReportedEvent[];
  /** How many more events there were, which are not kept any more. */
  readonly missedEvents: number;
}

/** The report after `last` where no new one came. */
export function oldReport(last: StatsReport, status: Exclude<StatsStatus, 'live'>): StatsReport {
  return { ...last, status, events: [], missedEvents: 0 };
}
