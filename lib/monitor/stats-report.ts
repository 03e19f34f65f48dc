import type { CommunicatorStats } from '../stats.js';
import type { ReportedEvent } from './reported-event.js';
import type { HistorySample } from './stats-history.js';
import type { StatsTotals } from './stats-totals.js';

/**
 * How current a report is. `live`: it has just come. Any other status repeats the last report, which is old:
 * `silent`, the endpoint is connected but sends nothing; `away`, it is not connected; `ended`, it has ended its
 * service.
 */
export type StatsStatus = 'live' | 'silent' | 'away' | 'ended';

/** A report of a watched endpoint. */
export interface StatsReport {
  readonly status: StatsStatus;
  /**
   * A snapshot of its communicator, taken at `stats.at`. Where there are many endpoints it has the busiest and their
   * connections; `totals.endpoints` is the number of all.
   */
  readonly stats: CommunicatorStats;
  readonly totals: StatsTotals;
  /** What happened there since the last report. The first report has all events that are still kept. */
  readonly events: readonly ReportedEvent[];
  /** How many events since the last report are no longer kept. */
  readonly missedEvents: number;
  /** The last hour, the oldest sample first: only in the first report, where it was asked for and is kept. */
  readonly history?: readonly HistorySample[];
  /** How many endpoints have what `find` asked for in their name, with those that the report leaves out. */
  readonly found?: number;
}

/** The last report with a status that says why no new one came. */
export function oldReport(last: StatsReport, status: Exclude<StatsStatus, 'live'>): StatsReport {
  const { history: _old, ...rest } = last;
  return { ...rest, status, events: [], missedEvents: 0 };
}
