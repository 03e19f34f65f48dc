import {
  EMPTY,
  endWith,
  filter,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  takeUntil,
  timer,
} from 'rxjs';

import type { Communicator } from '../communicator.js';
import { EndpointState } from '../endpoint.js';
import { mergeMany } from '../transport/merge-many.js';

/**
 * The names of neighbours that have disconnected, and were not back `graceMs` later; without a grace also those whose
 * connection a newer one has replaced. Completes at once when the communicator stops.
 *
 * @param matters - whether anything depends on this neighbour. Default: always
 */
export function neighbourGone(
  communicator: Communicator,
  graceMs: number,
  scheduler: SchedulerLike,
  matters: (name: string) => boolean = () => true,
): Observable<string> {
  const { lifecycle$ } = communicator;
  const disconnected$ = lifecycle$.pipe(
    map((event) => (event.type === 'endpoint' ? event.endpoint : undefined)),
    filter((endpoint) => endpoint !== undefined),
    filter(({ name, state }) => state === EndpointState.DISCONNECTED && matters(name)),
    mergeMany((endpoint) =>
      graceMs === 0 ? of(endpoint) : timer(graceMs, scheduler).pipe(map(() => endpoint)),
    ),
    filter((endpoint) => {
      const now = communicator.findEndpoint(endpoint.name);
      // One that was back and has gone again is another one, whose own time runs.
      return now === undefined || now === endpoint;
    }),
    map(({ name }) => name),
  );
  const replaced$ = lifecycle$.pipe(
    map((event) => (event.type === 'evicted' ? event.endpointName : undefined)),
    filter((name) => name !== undefined),
    filter((name) => matters(name)),
  );
  const stopped$ = lifecycle$.pipe(ignoreElements(), endWith(undefined));
  return merge(disconnected$, graceMs === 0 ? replaced$ : EMPTY).pipe(takeUntil(stopped$));
}
