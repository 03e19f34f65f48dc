import { concatMap, defer, EMPTY, exhaustMap, ignoreElements, type Observable, of, timer } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { look } from './files.js';
import { type Owners, requireFile } from './trust.js';
import type { Tuning } from './tuning.js';

/**
 * Touches a lease every `lease_interval`, the first time after one.
 *
 * @param touchLease - called for each touch, one at a time
 */
export function keepLease(touchLease: () => Promise<void>, { leaseIntervalMs }: Tuning): Observable<never> {
  return timer(leaseIntervalMs, leaseIntervalMs).pipe(exhaustMap(touchLease), ignoreElements());
}

/**
 * Looks at the other side's lease every `lease_interval`, and emits when it shows life: the lease has changed, or
 * `progress` has. Times are compared for equality only, so the clocks of the two sides need not agree.
 *
 * Errors with CommError `TIMEOUT` when there was none for `lease_timeout`, and with `BAD_DATA` where the lease is no
 * regular file of an expected owner.
 *
 * @param progress - a number that grows with what comes from the other side
 * @param now - a monotonic clock, in milliseconds
 */
export function judgeLease(
  path: string,
  owners: Owners,
  progress: () => number,
  { leaseIntervalMs, leaseTimeoutMs }: Tuning,
  now: () => number = () => performance.now(),
): Observable<void> {
  return defer(() => {
    let seenAt = now();
    let lastProgress = progress();
    let lastChange: number | undefined;
    return timer(leaseIntervalMs, leaseIntervalMs).pipe(
      exhaustMap(async () => {
        const current = progress();
        if (current !== lastProgress) {
          lastProgress = current;
          return true;
        }
        const lease = await look(path);
        const change = lease && requireFile(lease, path, owners).mtimeMs;
        const isAlive = change !== undefined && change !== lastChange;
        lastChange = change;
        return isAlive;
      }),
      concatMap((isAlive) => {
        if (isAlive) seenAt = now();
        else if (now() - seenAt > leaseTimeoutMs) throw stale(path, leaseTimeoutMs);
        return isAlive ? of(undefined) : EMPTY;
      }),
    );
  });
}

function stale(path: string, leaseTimeoutMs: number): CommError {
  return new CommError(
    CommErrorCode.TIMEOUT,
    `the peer is gone: ${path} has not changed for ${leaseTimeoutMs} ms`,
  );
}
