import {
  catchError,
  defaultIfEmpty,
  defer,
  from,
  isObservable,
  map,
  type Observable,
  of,
  take,
  throwError,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { EndpointProperties } from '../endpoint.js';
import { isPromise } from '../is-promise.js';
import type { PropertiesSource } from '../options.js';

/** Asks the option `properties` for those of one handshake. Errors with a CommError where it fails, or gives none. */
export function askProperties(source: PropertiesSource): Observable<EndpointProperties> {
  return defer((): Observable<unknown> => {
    const answer: unknown = isObservable(source) ? source : source();
    return isObservable(answer) || isPromise(answer) ? from(answer) : of(answer);
  }).pipe(
    take(1),
    defaultIfEmpty(undefined),
    map(requireProperties),
    catchError((error: unknown) => throwError(() => CommError.from(error, 'option properties'))),
  );
}

/** The user may not use TypeScript. */
function requireProperties(given: unknown): EndpointProperties {
  if (typeof given === 'object' && given !== null && !Array.isArray(given))
    return given as EndpointProperties;
  throw new CommError(CommErrorCode.BAD_CONFIG, `option properties: expected an object, got ${typeof given}`);
}
