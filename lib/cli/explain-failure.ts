import {
  catchError,
  defaultIfEmpty,
  EMPTY,
  filter,
  from,
  ignoreElements,
  map,
  mergeMap,
  type Observable,
  of,
  switchMap,
  take,
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

/** The transports of NVFlare that have ports, in the clear and under TLS. */
const SCHEMES = { open: ['tcp', 'http', 'grpc'], tls: ['stcp', 'https', 'grpcs'] } as const;

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
  return lookAtPort(params).pipe(
    catchError(() => of<PortFinding>('closed')),
    switchMap((port) => {
      const isTls = needsTls(params);
      const look: SecondLook = { port, isTls, hasCertificate: isMutualTls(params) };
      if (port === 'closed' || port === 'tls-refused' || (port === 'tls' && !isTls)) return of(look);
      return answeringScheme(probed, SCHEMES[port]).pipe(map((answersTo) => ({ ...look, answersTo })));
    }),
  );
}

/** The one of these schemes over which the port shakes hands; `undefined` for none, or the scheme that was probed. */
function answeringScheme(probed: Probed, schemes: readonly string[]): Observable<string | undefined> {
  const drivers = nodeDrivers();
  return from(schemes).pipe(
    filter((scheme) => scheme !== probed.params.scheme),
    mergeMap((scheme) =>
      probe({
        ...probed,
        driver: drivers.find(scheme),
        params: otherParams(probed.params, scheme),
        count: 1,
        intervalMs: 0,
      }).pipe(
        filter(({ type }) => type === 'ready'),
        map(() => scheme),
        catchError(() => EMPTY),
      ),
    ),
    take(1),
    defaultIfEmpty(undefined),
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
