import { filter, map, type Observable, of, type SchedulerLike, timer } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { EndpointState, isReady } from '../endpoint.js';
import { mergeMany } from '../transport/merge-many.js';

/**
 * The names of neighbours that have disconnected, and were not back `graceMs` later.
 *
 * @param matters - whether anything depends on this neighbour. Default: always
 */
export function neighbourGone(
  communicator: Communicator,
  graceMs: number,
  scheduler: SchedulerLike,
  matters: (name: string) => boolean = () => true,
): Observable<string> {
  return communicator.lifecycle$.pipe(
    map((event) => (event.type === 'endpoint' ? event.endpoint : undefined)),
    filter((endpoint) => endpoint !== undefined),
    filter(({ name, state }) => state === EndpointState.DISCONNECTED && matters(name)),
    mergeMany(({ name }) => (graceMs === 0 ? of(name) : timer(graceMs, scheduler).pipe(map(() => name)))),
    filter((name) => !isReady(communicator.findEndpoint(name))),
  );
}
