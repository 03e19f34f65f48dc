import { randomUUID } from 'node:crypto';

import {
  defer,
  firstValueFrom,
  fromEvent,
  ignoreElements,
  merge,
  NEVER,
  type Observable,
  retry,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timeout,
  timer,
} from 'rxjs';

import { Cell } from '../cellnet/cell.js';
import { CellError } from '../cellnet/cell-error.js';
import { ReturnCode } from '../cellnet/return-code.js';
import { causeCode, CommError, CommErrorCode } from '../comm-error.js';
import { Endpoint } from '../endpoint.js';
import { Communicator } from '../index.js';
import { logger } from '../log.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import { quoted } from '../quoted.js';
import { ConnectionSecurity, Mode } from '../transport/driver.js';
import { formatUrl } from '../transport/url.js';
import { checkCredentials, readCertificates } from './check-credentials.js';
import { FlareError, FlareStatus } from './flare-error.js';
import { Identity } from './identity.js';
import { isSilentRefusal, registerCell, SERVER } from './register-cell.js';
import { FlareSession } from './session.js';
import { SessionCore } from './session-core.js';
import { resolveSessionOptions, type SessionOptions } from './session-options.js';
import { readStartupKit, type StartupKit } from './startup-kit.js';

const log = logger('flare');

/**
 * Logs in to an NVFlare server of 2.7 or later, as the user of a startup kit.
 *
 * Rejects with CommError `BAD_CONFIG` where the kit cannot work, or an option; FlareError `not_supported` for a kit of 2.6
 * and before, `certificate_expired`, `no_connection` where no server answers in time, with the last failure as `cause`,
 * `wrong_server` and `login_refused`.
 *
 * @param kit - the folder of a user that `nvflare provision` made, or its `startup` folder
 * @param signal - gives up the login, which rejects with the reason of the signal then
 */
export async function connectSession(
  kit: string,
  options?: SessionOptions,
  signal?: AbortSignal,
): Promise<FlareSession> {
  signal?.throwIfAborted();
  const resolved = resolveSessionOptions(options);
  const read = readUserKit(kit);
  const now = resolved.scheduler.now();
  const { identity, warnings } = identityOf(read.kit, now);
  const { communicator, cell } = makeCell(read.kit);
  const login = {
    identity,
    type: 'admin',
    project: read.project,
    serverIdentity: read.kit.serverIdentity ?? SERVER,
    authorities: readCertificates(read.kit.caCert),
    now,
  } as const;
  const core = new SessionCore({ communicator, cell, identity, options: resolved });
  const login$ = registerCell(cell, login).pipe(
    switchMap(({ serverVersion }) => core.logIn(resolved.study, serverVersion)),
  );
  const aborted$ = signal === undefined ? NEVER : fromEvent(signal, 'abort');
  try {
    await Promise.all([
      firstValueFrom(reached(communicator, login$, resolved, read.kit).pipe(takeUntil(aborted$))),
      communicator.start(),
    ]);
    return new FlareSession(core, resolved, { project: read.project, warnings });
  } catch (error) {
    await core.close();
    signal?.throwIfAborted();
    throw error;
  }
}

/** Of a server that starts, the parts answer one after the other. */
const RETRY_MS = 1_000;
/** A server that says nothing may not be ready, and one that is ready may say nothing to a stranger. */
const MAX_SILENT = 2;

/**
 * Emits what `login$` does, once the server is there.
 *
 * Errors with FlareError: `wrong_server` or `certificate_expired` as soon as TLS shows that; where nothing has come in time,
 * `login_refused` if a connection was refused last, else `no_connection`, with the last failure; CommError `BAD_CONFIG` for what
 * can never work; and what `login$` errors with.
 */
function reached<T>(
  communicator: Communicator,
  login$: Observable<T>,
  { connectTimeoutMs, scheduler }: Required<SessionOptions>,
  { host, port }: StartupKit,
): Observable<T> {
  return defer(() => {
    let last: CommError | undefined;
    const failures$ = communicator.lifecycle$.pipe(
      tap((event) => {
        if (event.type !== 'retrying' || event.error === undefined) return;
        last = event.error;
        const final = finalFailure(last);
        if (final !== undefined) throw final;
      }),
      ignoreElements(),
    );
    const tried$ = login$.pipe(
      retry({
        delay: (error: unknown, tries) => {
          if (!mayBeReady(error, tries)) throw error;
          last = CommError.from(error);
          return timer(RETRY_MS, scheduler);
        },
      }),
    );
    const late = (): Observable<never> => throwError(() => lateError(host, port, connectTimeoutMs, last));
    const loggedIn$ = communicator.ready(SERVER).pipe(
      take(1),
      switchMap(() => tried$),
    );
    return merge(failures$, loggedIn$).pipe(
      take(1),
      timeout({ first: connectTimeoutMs, with: late, scheduler }),
    );
  });
}

/** What a connector found that can never work. */
function finalFailure(error: CommError): CommError | undefined {
  const code = causeCode(error);
  if (code === 'CERT_HAS_EXPIRED')
    return new FlareError(FlareStatus.CERTIFICATE_EXPIRED, error.message, { cause: error });
  if (error.detail === 'certificate-name' || (error.code === CommErrorCode.BAD_CONFIG && code !== ''))
    return new FlareError(FlareStatus.WRONG_SERVER, error.message, { cause: error });
  return error.code === CommErrorCode.BAD_CONFIG ? error : undefined;
}

function mayBeReady(error: unknown, tries: number): boolean {
  if (error instanceof CellError) return EARLY.has(error.returnCode);
  return isSilentRefusal(error) && tries <= MAX_SILENT;
}

const EARLY: ReadonlySet<ReturnCode> = new Set<ReturnCode>([
  ReturnCode.TARGET_UNREACHABLE,
  ReturnCode.COMM_ERROR,
  ReturnCode.SERVICE_UNAVAILABLE,
]);

function lateError(host: string, port: number, ms: number, cause: CommError | undefined): FlareError {
  const { REFUSED } = CommErrorCode;
  const isRefused = cause?.code === REFUSED || cause?.detail?.startsWith('certificate') === true;
  const text = `no server at ${host}:${port} let us in within ${ms} ms`;
  const status = isRefused ? FlareStatus.LOGIN_REFUSED : FlareStatus.NO_CONNECTION;
  return new FlareError(status, cause === undefined ? text : `${text}, ${cause.message}`, { cause });
}

/** A kit that a session can be made of. */
interface UserKit {
  readonly kit: StartupKit;
  readonly project: string;
}

function readUserKit(path: string): UserKit {
  const kit = readStartupKit(path);
  if (kit.role !== 'admin') {
    const text = `${kit.directory}: expected the startup kit of a user, got that of a ${kit.role}`;
    throw new CommError(CommErrorCode.BAD_CONFIG, text);
  }
  if (kit.project !== undefined) return { kit, project: kit.project };
  const text = `${kit.directory}: fed_admin.json has no admin.project_name, so it is of NVFlare 2.6 or before`;
  const advice = 'sessions need a server of 2.7 or later';
  throw new FlareError(FlareStatus.NOT_SUPPORTED, `${text}: ${advice}`);
}

function identityOf(kit: StartupKit, now: number): { identity: Identity; warnings: readonly string[] } {
  const identity = new Identity(kit.cert, kit.key);
  const { name, expires } = identity;
  if (kit.user !== undefined && kit.user !== name) {
    const text = `${kit.directory}: admin.username of fed_admin.json is ${quoted(kit.user)}, and the certificate is for ${quoted(name)}`;
    throw new CommError(CommErrorCode.BAD_CONFIG, text);
  }
  if (now > expires) {
    const text = `the certificate ${kit.cert} expired on ${new Date(expires).toISOString().slice(0, 10)}`;
    throw new FlareError(FlareStatus.CERTIFICATE_EXPIRED, text);
  }
  const warnings = checkCredentials(kit, now);
  for (const warning of warnings) log('%s', warning);
  return { identity, warnings };
}

/** A server that is busy is asked for a step of a file again after this; a file itself may take as long as it takes. */
const stepTimeoutMs = 30_000;
const pullTimeoutMs = LONGEST_TIMER_MS;

/** Source: `new_admin_client_name` of `nvflare/fuel/f3/cellnet/defs.py`: servers know users by this pattern. */
function makeCell(kit: StartupKit): { communicator: Communicator; cell: Cell } {
  const name = `_admin_${randomUUID()}`;
  const resources = { ca_cert: kit.caCert, client_cert: kit.cert, client_key: kit.key };
  const identityMap = { exact: { [SERVER]: kit.serverIdentity ?? SERVER } };
  const communicator = new Communicator(new Endpoint(name, { fqcn: name }), { identityMap });
  const isSecure = kit.security !== ConnectionSecurity.CLEAR;
  communicator.addConnector(formatUrl(kit.scheme, kit.host, kit.port), Mode.ACTIVE, isSecure, {
    ...resources,
    connection_security: kit.security,
  });
  return { communicator, cell: new Cell(communicator, { references: { stepTimeoutMs, pullTimeoutMs } }) };
}
