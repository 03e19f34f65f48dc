import { EMPTY, type Observable, switchMap } from 'rxjs';

import type { Communicator } from '../communicator.js';
import { isReady } from '../endpoint.js';

/** Subscribes to what `make` returns while the endpoint is READY, each time anew. */
export function whileReady<T>(
  communicator: Communicator,
  endpointName: string,
  make: () => Observable<T>,
): Observable<T> {
  return communicator
    .endpoint(endpointName)
    .pipe(switchMap((endpoint) => (isReady(endpoint) ? make() : EMPTY)));
}
