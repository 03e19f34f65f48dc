import { defer, from, map, type Observable, take } from 'rxjs';

import { exists } from './files.js';
import { backingOff, poll } from './poll.js';
import type { Tuning } from './tuning.js';

/** Emits once, when a file is not there (any more). Errors with a system error where that cannot be seen. */
export function untilGone(path: string, { pollIntervalMs, maxPollIntervalMs }: Tuning): Observable<true> {
  const look$ = defer(() => from(exists(path))).pipe(map((isThere) => (isThere ? undefined : true)));
  return poll<true>(look$, backingOff(pollIntervalMs, maxPollIntervalMs)).pipe(take(1));
}
