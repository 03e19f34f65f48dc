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
  startWith,
  switchMap,
  take,
  takeLast,
  takeUntil,
  takeWhile,
  tap,
  timer,
} from 'rxjs';

import { CommErrorCode } from '../comm-error.js';
import { nodeDrivers } from '../index.js';
import { logger } from '../log.js';
import { diagnose } from '../monitor/diagnose.js';
import { probe, type ProbeOptions } from '../monitor/probe.js';
import { isDoubtful, type PortFinding, type SecondLook } from '../monitor/second-look.js';
import { ConnectionSecurity, type DriverParams } from '../transport/driver.js';
import { describeParams, formatUrl, isMutualTls, needsTls } from '../transport/url.js';
import { printDiagnosis } from './failure.js';
import { lookAtPort } from './port-look.js';
import type { Printer } from './printer.js';

/**
 * The transports of NVFlare that have ports, in the clear and under TLS, in two rounds. A TCP listener of NVFlare takes
 * the first bytes of HTTP for the length of a frame and clears a gigabyte for it, and answers nobody meanwhile. So HTTP
 * is tried where TCP has not answered.
 *
 * A peer that was silent has not understood HTTP, which a listener of HTTP answers: only the first round is left.
 */
const ROUNDS: Readonly<Record<'open' | 'tls', readonly (readonly string[])[]>> = {
  open: [['tcp'], ['http', 'grpc']],
  tls: [['stcp'], ['https', 'grpcs']],
};

/** How many times the time of a step a second look may take, after a peer that answered. One that did not has had its time. */
const PATIENCE = 2;

/** A port that is silent at first shows no sooner what it is. */
const MIN_LOOK_MS = 3_000;

const log = logger('probe');

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
  const { diagnosis, error } = diagnose(thrown);
  return isDoubtful(diagnosis, thrown)
    ? lookAgain(probed, error.code === CommErrorCode.TIMEOUT)
    : of(undefined);
}

/** @param isSilent - the peer did not answer in time */
function lookAgain(probed: Probed, isSilent: boolean): Observable<SecondLook> {
  const { params, timeoutMs } = probed;
  const isTls = needsTls(params);
  const lookOf = (port: PortFinding): SecondLook => ({ port, isTls, hasCertificate: isMutualTls(params) });
  const limitMs = Math.max(MIN_LOOK_MS, isSilent ? timeoutMs : PATIENCE * timeoutMs);
  // Something that takes the first bytes of TCP and of TLS for nothing knows none of the transports.
  const isHopeless = isSilent && !isTls && ROUNDS.open[0]?.includes(params.scheme) === true;
  log('%s: looking at the port once more', describeParams(params));
  return lookAtPort(params, limitMs).pipe(
    catchError(() => of<PortFinding>('closed')),
    switchMap((port) => {
      const look = lookOf(port);
      log('%s: the port is %s', describeParams(params), port);
      if (port === 'closed' || port === 'tls-refused' || (port === 'tls' && !isTls)) return of(look);
      const rounds = isSilent ? ROUNDS[port].slice(0, 1) : ROUNDS[port];
      return answeringScheme(probed, rounds).pipe(
        map((answersTo): SecondLook => ({ ...look, answersTo })),
        startWith(look),
      );
    }),
    takeWhile(({ answersTo }) => answersTo === undefined && !isHopeless, true),
    takeUntil(timer(limitMs)),
    takeLast(1),
    defaultIfEmpty(lookOf('closed')),
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
  return probe({ ...probed, driver, params, count: 1, intervalMs: 0 }).pipe(
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
