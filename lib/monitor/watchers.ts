import {
  defer,
  EMPTY,
  filter,
  finalize,
  merge,
  mergeMap,
  type Observable,
  skip,
  Subject,
  takeUntil,
  tap,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Endpoint } from '../endpoint.js';

/** Who may watch, and how many. */
export interface WatcherLimits {
  /** Whether an endpoint may watch. Default: every endpoint may. A refused endpoint gets an answer that says so. */
  readonly allow: (endpoint: Endpoint) => boolean;
  /** How many may watch at a time. Default: 32. */
  readonly maxWatchers: number;
}

/** A request of an endpoint. The ID tells several watches of one endpoint apart. */
export interface WatchRequest {
  readonly endpoint: Endpoint;
  readonly type: string;
  readonly id: number;
}

/**
 * Serves each request of type `watch`, until the same endpoint sends another request under the same ID, goes, or
 * comes back over another connection.
 *
 * @param serve - subscribed for each watcher; when it completes, the watcher leaves
 * @param refuse - called with each request that is refused, and why
 */
export function serveWatchers<R extends WatchRequest>(
  communicator: Pick<Communicator, 'endpoint'>,
  requests$: Observable<R>,
  { allow, maxWatchers }: WatcherLimits,
  serve: (request: R) => Observable<unknown>,
  refuse: (request: R, error: CommError) => unknown,
): Observable<unknown> {
  return defer(() => {
    let watchers = 0;
    /** Has each request before it is served, so that a watcher leaves before the next one under its ID is counted. */
    const spoken = new Subject<R>();
    const serveOne = (request: R): Observable<unknown> => {
      const fault = faultOf(request);
      if (fault !== undefined) {
        refuse(request, fault);
        return EMPTY;
      }
      const { endpoint, id } = request;
      const spoke$ = spoken.pipe(filter((next) => next.id === id && next.endpoint.name === endpoint.name));
      const changed$ = communicator.endpoint(endpoint.name).pipe(skip(1));
      watchers += 1;
      return serve(request).pipe(
        takeUntil(merge(spoke$, changed$)),
        finalize(() => (watchers -= 1)),
      );
    };
    const faultOf = ({ endpoint }: R): CommError | undefined => {
      if (!mayWatch(endpoint, allow)) return notAllowed(endpoint);
      return watchers < maxWatchers ? undefined : tooMany(maxWatchers);
    };
    return requests$.pipe(
      tap(spoken),
      filter(({ type }) => type === 'watch'),
      mergeMap(serveOne),
    );
  });
}

/** Asks `allow`. Where it throws, the answer is no. */
export function mayWatch(endpoint: Endpoint, allow: WatcherLimits['allow']): boolean {
  try {
    return allow(endpoint);
  } catch {
    return false;
  }
}

/** The answer to an endpoint for which `allow` said no. */
export function notAllowed({ name }: Endpoint): CommError {
  return new CommError(CommErrorCode.REFUSED, `endpoint ${name} may not watch: "allow" says no`);
}

function tooMany(limit: number): CommError {
  return new CommError(
    CommErrorCode.NOT_READY,
    `there are ${limit} watchers already: stop one, or raise maxWatchers`,
  );
}
