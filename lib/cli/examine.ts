import { catchError, ignoreElements, type Observable, tap } from 'rxjs';

import type { CommError } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import { nodeDrivers } from '../index.js';
import type { IdentityMap } from '../options.js';
import { probe } from '../monitor/probe.js';
import { explainFailure } from './explain-failure.js';
import { printFailure } from './failure.js';
import type { Printer } from './printer.js';
import { clientParams } from './reach.js';
import type { TlsOptions } from './tls-options.js';

/** The least and the most time for each step of an examination. */
const MIN_TIMEOUT_MS = 1_000;
const MAX_TIMEOUT_MS = 5_000;

/** A connection that could not be made. */
export interface Unreached {
  readonly url: string;
  readonly local: Endpoint;
  readonly options: TlsOptions & { readonly timeout: number };
  readonly identityMap: IdentityMap;
  /** What to print where the examination finds nothing wrong. */
  readonly error: CommError;
}

/** Attempts it once more, as `rxflare ping` does, prints why that fails, and sets the exit code. */
export function examine(unreached: Unreached, printer: Printer): Observable<unknown> {
  const { url, local, options, identityMap, error } = unreached;
  const params = clientParams(url, options);
  const driver = nodeDrivers().find(params.scheme);
  const timeoutMs = Math.min(Math.max(options.timeout, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
  return probe({ driver, params, local, identityMap, count: 1, intervalMs: 0, timeoutMs }).pipe(
    ignoreElements(),
    tap({ complete: () => printFailure(printer, error) }),
    catchError((thrown: unknown) =>
      explainFailure(printer, thrown, { params, local, identityMap, timeoutMs }),
    ),
  );
}
