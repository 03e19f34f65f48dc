import { defer, EMPTY, filter, finalize, merge, mergeMap, type Observable, skip, takeUntil } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Communicator } from '../communicator.js';
import type { Endpoint } from '../endpoint.js';

/** Who may watch, and how many. */
export interface WatcherLimits {
  /** Whether an endpoint may watch; every one unless told. One that may not is told so. */
  readonly allow: (endpoint: Endpoint) => boolean;
  /** How many may watch at a time. */
  readonly maxWatchers: number;
}

/** A request of an endpoint; an ID of its own keeps apart what one endpoint watches. */
export interface WatchRequest {
  readonly endpoint: Endpoint;
  readonly type: string;
  readonly id: number;
}

/**
 * Serves each request of type `watch`, until the endpoint that asked speaks again under the same ID, goes, or
 * comes back over another connection.
 *
 * @param serve - what to do for a watcher; its end is the end of the service
 * @param refuse - hears of the requests that are refused, and why
 */
export function serveWatchers<R extends WatchRequest>(
  communicator: Communicator,
  requests$: Observable<R>,
  { allow, maxWatchers }: WatcherLimits,
  serve: (request: R) => Observable<unknown>,
  refuse: (request: R, error: CommError) => unknown,
): Observable<unknown> {
  return defer(() => {
    let watchers = 0;
    const serveOne = (request: R): Observable<unknown> => {
      const fault = faultOf(request);
      if (fault !== undefined) {
        refuse(request, fault);
        return EMPTY;
      }
      const { endpoint, id } = request;
      const spoke$ = requests$.pipe(filter((next) => next.id === id && next.endpoint.name === endpoint.name));
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
      filter(({ type }) => type === 'watch'),
      mergeMap(serveOne),
    );
  });
}

/** A filter that fails lets nobody in. */
export function mayWatch(endpoint: Endpoint, allow: WatcherLimits['allow']): boolean {
  try {
    return allow(endpoint);
  } catch {
    return false;
  }
}

/** The answer to an endpoint that the filter does not let in. */
export function notAllowed({ name }: Endpoint): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `endpoint ${name} may not watch: "allow" says no`);
}

function tooMany(limit: number): CommError {
  return new CommError(
    CommErrorCode.NOT_READY,
    `there are ${limit} watchers already: stop one, or raise maxWatchers`,
  );
}
