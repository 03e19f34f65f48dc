import {
  catchError,
  concatMap,
  defaultIfEmpty,
  EMPTY,
  filter,
  from,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  switchMap,
  take,
  takeLast,
  takeWhile,
  tap,
} from 'rxjs';

import { nodeDrivers } from '../index.js';
import { diagnose } from '../monitor/diagnose.js';
import { probe, type ProbeOptions } from '../monitor/probe.js';
import { isDoubtful, type PortFinding, type SecondLook } from '../monitor/second-look.js';
import { ConnectionSecurity, type DriverParams } from '../transport/driver.js';
import { formatUrl, isMutualTls, needsTls } from '../transport/url.js';
import { printDiagnosis } from './failure.js';
import { lookAtPort } from './port-look.js';
import type { Printer } from './printer.js';

/**
 * The transports of NVFlare that have ports, in the clear and under TLS, in two rounds. A TCP listener of NVFlare takes
 * the first bytes of HTTP for the length of a frame and clears a gigabyte for it, and answers nobody meanwhile. So HTTP
 * is tried where TCP has not answered.
 */
const ROUNDS = {
  open: [['tcp'], ['http', 'grpc']],
  tls: [['stcp'], ['https', 'grpcs']],
} as const;

/** A port that may have to recover from the first attempt is given this many times the time of a step. */
const PATIENCE = 2;

/** What to probe, with the times of its steps. */
export type Probed = Omit<ProbeOptions, 'driver' | 'count' | 'intervalMs'>;

/** Prints why a probe failed, after a second look where the failure alone does not tell. */
export function explainFailure(printer: Printer, thrown: unknown, probed: Probed): Observable<never> {
  return secondLook(thrown, probed).pipe(
    tap((look) => printDiagnosis(printer, thrown, look)),
    ignoreElements(),
  );
}

/** Looks at the port of a failed probe once more; emits `undefined` where there is no need to. */
export function secondLook(thrown: unknown, probed: Probed): Observable<SecondLook | undefined> {
  return isDoubtful(diagnose(thrown).diagnosis, thrown) ? lookAgain(probed) : of(undefined);
}

function lookAgain(probed: Probed): Observable<SecondLook> {
  const { params } = probed;
  return lookAtPort(params, PATIENCE * probed.timeoutMs).pipe(
    catchError(() => of<PortFinding>('closed')),
    switchMap((port) => {
      const isTls = needsTls(params);
      const look: SecondLook = { port, isTls, hasCertificate: isMutualTls(params) };
      if (port === 'closed' || port === 'tls-refused' || (port === 'tls' && !isTls)) return of(look);
      return answeringScheme(probed, ROUNDS[port]).pipe(map((answersTo) => ({ ...look, answersTo })));
    }),
    takeWhile(({ port, answersTo }) => port === 'open' && answersTo === undefined, true),
    takeLast(1),
  );
}

/** The one of these schemes over which the port shakes hands; `undefined` for none, or the scheme that was probed. */
function answeringScheme(
  probed: Probed,
  rounds: readonly (readonly string[])[],
): Observable<string | undefined> {
  return from(rounds).pipe(
    concatMap((schemes) => merge(...schemes.map((scheme) => answering(probed, scheme)))),
    take(1),
    defaultIfEmpty(undefined),
  );
}

/** Emits a scheme once the port has shaken hands over it. */
function answering(probed: Probed, scheme: string): Observable<string> {
  if (scheme === probed.params.scheme) return EMPTY;
  const driver = nodeDrivers().find(scheme);
  const params = otherParams(probed.params, scheme);
  const timeoutMs = probed.timeoutMs * (scheme.endsWith('tcp') ? PATIENCE : 1);
  return probe({ ...probed, driver, params, timeoutMs, count: 1, intervalMs: 0 }).pipe(
    filter(({ type }) => type === 'ready'),
    map(() => scheme),
    catchError(() => EMPTY),
  );
}

function otherParams(params: DriverParams, scheme: string): DriverParams {
  const { host = '', port = 0 } = params;
  const isClear = !needsTls({ scheme });
  return {
    ...params,
    scheme,
    url: formatUrl(scheme, host, port),
    path: '',
    ...(isClear ? { secure: false, connection_security: ConnectionSecurity.CLEAR } : {}),
  };
}
