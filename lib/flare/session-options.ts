import { asyncScheduler, type SchedulerLike } from 'rxjs';

import { LONGEST_TIMER_MS } from '../longest-timer.js';
import { requireOptions } from '../require-options.js';

/** How a session works; every option may be left out. */
export interface SessionOptions {
  /** The study that jobs are submitted to and listed of; NVFlare 2.7 has none. Default: `default`. */
  readonly study?: string;
  /** How long a connection and the login may take, in milliseconds: 1 to 2,147,483,647 (24 days), as all times here. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /**
   * How long the server waits for what it asks of sites, in milliseconds. We wait 5 s longer for the server. Default: 10,000.
   */
  readonly commandTimeoutMs?: number;
  /** How often streams ask while something changes, in milliseconds. Default: 1,000. */
  readonly pollMs?: number;
  /** How often they ask at last, while nothing changes, in milliseconds. Default: 10,000. */
  readonly idlePollMs?: number;
  /** For tests in virtual time. Default: RxJS's `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

/** The default of every option. */
export const SESSION_DEFAULTS: Required<SessionOptions> = {
  study: 'default',
  connectTimeoutMs: 10_000,
  commandTimeoutMs: 10_000,
  pollMs: 1_000,
  idlePollMs: 10_000,
  scheduler: asyncScheduler,
};

/**
 * Fills in the defaults.
 *
 * @throws CommError `BAD_CONFIG` for an unknown option, or a value of the wrong type or out of range
 */
export function resolveSessionOptions(given: SessionOptions = {}): Required<SessionOptions> {
  const atLeastOne = [1, LONGEST_TIMER_MS] as const;
  const ranges = { connectTimeoutMs: atLeastOne, commandTimeoutMs: atLeastOne };
  requireOptions(given, SESSION_DEFAULTS, 'a session', {
    ...ranges,
    pollMs: atLeastOne,
    idlePollMs: atLeastOne,
  });
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...SESSION_DEFAULTS, ...(Object.fromEntries(defined) as SessionOptions) };
}
