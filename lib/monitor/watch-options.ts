import { asyncScheduler, type SchedulerLike } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';

/** How another endpoint is asked. */
export interface WatchOptions {
  /** The app ID of the service at the other side. Default: that of the service in `MonitorAppIds`. */
  readonly appId?: number;
  /** How long to wait for the first answer, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
  /** The clock of that wait. Default: RxJS's `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
}

/** The defaults of {@link WatchOptions} that all questions share. */
export const WATCH_DEFAULTS = {
  timeoutMs: 5_000,
  scheduler: asyncScheduler,
} satisfies WatchOptions;

/** @throws CommError `BAD_CONFIG` where `periodMs` is not above 0 */
export function requirePeriod(caller: string, periodMs: number): void {
  if (periodMs > 0 && Number.isFinite(periodMs)) return;
  throw new CommError(CommErrorCode.BAD_CONFIG, `${caller}: expected a period above 0 ms, got ${periodMs}`);
}
