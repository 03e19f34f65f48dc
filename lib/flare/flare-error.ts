import { CommError, CommErrorCode, type CommErrorOptions } from '../comm-error.js';

/**
 * Why a server does not do what it was asked. The first group is `meta.status` of its replies, source: `MetaStatusValue` of
 * `nvflare/fuel/hci/proto.py`; the second is told from the rest of a reply, or from a login.
 *
 * - `login_refused`: the server does not let this user in
 * - `wrong_server`: the server cannot prove that it is that of the kit
 * - `certificate_expired`: the certificate of the user, or of the server, is out of date
 * - `no_connection`: nothing that lets us in is at the address of the kit, now
 * - `session_ended`: the session was closed, by us, by the server or by its certificate
 * - `not_supported`: the server, or its version, lacks the command
 * - `bad_argument`: an argument can never work
 * - `bad_reply`: the reply is not one of this command
 * - `job_failed`: a job that was waited for did not end well
 * - `bad_archive`: what is downloaded would leave its folder, is damaged, or exceeds a limit
 * - `interrupted`: the server went in the middle of a transfer, and did not come back in time
 * - `in_use`: another download of the job goes on to the same destination
 * - `timed_out`: what was waited for did not happen in time
 */
export const FlareStatus = {
  SYNTAX_ERROR: 'syntax_error',
  NOT_AUTHORIZED: 'not_authorized',
  NOT_AUTHENTICATED: 'not_authenticated',
  ERROR: 'error',
  INTERNAL_ERROR: 'internal_error',
  INVALID_TARGET: 'invalid_target',
  INVALID_JOB: 'invalid_job_def',
  NO_SUCH_JOB: 'invalid_job_id',
  JOB_RUNNING: 'job_running',
  JOB_NOT_RUNNING: 'job_not_running',
  CLIENTS_RUNNING: 'clients_running',
  NO_JOBS: 'no_jobs',
  NO_JOB_COMPONENTS: 'no_job_components',
  NO_REPLY: 'no_reply',
  NO_CLIENTS: 'no_clients',
  SUBMIT_TOKEN_CONFLICT: 'submit_token_conflict',
  SUBMIT_TOKEN_JOB_DELETED: 'submit_token_job_deleted',

  LOGIN_REFUSED: 'login_refused',
  WRONG_SERVER: 'wrong_server',
  CERTIFICATE_EXPIRED: 'certificate_expired',
  NO_CONNECTION: 'no_connection',
  SESSION_ENDED: 'session_ended',
  NOT_SUPPORTED: 'not_supported',
  BAD_ARGUMENT: 'bad_argument',
  BAD_REPLY: 'bad_reply',
  JOB_FAILED: 'job_failed',
  BAD_ARCHIVE: 'bad_archive',
  INTERRUPTED: 'interrupted',
  IN_USE: 'in_use',
  TIMED_OUT: 'timed_out',
} as const;

/** One of the words of {@link FlareStatus}. */
export type FlareStatus = (typeof FlareStatus)[keyof typeof FlareStatus];

/** The code of a CommError that comes closest; `ERROR` for the rest. */
const CODES: Readonly<Partial<Record<FlareStatus, CommErrorCode>>> = {
  syntax_error: CommErrorCode.BAD_CONFIG,
  not_authorized: CommErrorCode.REFUSED,
  not_authenticated: CommErrorCode.REFUSED,
  invalid_target: CommErrorCode.BAD_CONFIG,
  invalid_job_def: CommErrorCode.BAD_CONFIG,
  invalid_job_id: CommErrorCode.BAD_CONFIG,
  job_running: CommErrorCode.NOT_READY,
  job_not_running: CommErrorCode.NOT_READY,
  clients_running: CommErrorCode.NOT_READY,
  no_jobs: CommErrorCode.NOT_READY,
  no_job_components: CommErrorCode.NOT_READY,
  no_clients: CommErrorCode.NOT_READY,
  no_reply: CommErrorCode.TIMEOUT,
  submit_token_conflict: CommErrorCode.REFUSED,
  submit_token_job_deleted: CommErrorCode.REFUSED,
  login_refused: CommErrorCode.REFUSED,
  wrong_server: CommErrorCode.REFUSED,
  certificate_expired: CommErrorCode.BAD_CONFIG,
  no_connection: CommErrorCode.NOT_READY,
  session_ended: CommErrorCode.CLOSED,
  not_supported: CommErrorCode.NOT_SUPPORTED,
  bad_argument: CommErrorCode.BAD_CONFIG,
  bad_reply: CommErrorCode.BAD_DATA,
  bad_archive: CommErrorCode.BAD_DATA,
  interrupted: CommErrorCode.CLOSED,
  in_use: CommErrorCode.NOT_READY,
  timed_out: CommErrorCode.TIMEOUT,
};

/** What to do, where that is not in the words of the server. */
const ADVICE: Readonly<Partial<Record<FlareStatus, string>>> = {
  not_authorized: 'log in as a user whose role has this right, or ask who runs the server to grant it',
  not_authenticated: 'connect a new session',
  session_ended: 'connect a new session',
  invalid_target: 'getSystemInfo lists the sites that are connected',
  invalid_job_def: 'correct the job and submit it again',
  invalid_job_id: 'listJobs lists the jobs of the study that this session has logged in to',
  job_running:
    'wait until it has ended, or abort it; a job that ran when its server was killed stays RUNNING, and runs nowhere',
  job_not_running: 'this can be asked of a running job only',
  clients_running: 'shut the sites down first',
  no_clients: 'start a site, and try again once getSystemInfo lists it',
  no_reply: 'a site may be busy or gone: try again, or with a longer commandTimeoutMs',
  submit_token_conflict: 'use another submit token for another job',
  submit_token_job_deleted: 'use another submit token to submit the job again',
  login_refused: 'use the startup kit that the project of this server made for the user',
  wrong_server: 'use the startup kit of the project that this server belongs to',
  certificate_expired: 'provision the project again, or ask for a new startup kit',
};

/** Source: `_cert_login` of `nvflare/fuel/hci/server/login.py`: `AUTH_UNKNOWN_STUDY: …`. */
const STUDY_REFUSAL = /^AUTH_\w*STUDY/;

/**
 * What the message of an error says at its end.
 *
 * @internal
 */
export function adviceFor(status: FlareStatus, reason: string | undefined): string | undefined {
  const isStudy = status === FlareStatus.LOGIN_REFUSED && STUDY_REFUSAL.test(reason ?? '');
  return isStudy ? 'give a study of this server that the user belongs to' : ADVICE[status];
}

/** The options of a {@link FlareError}. */
export interface FlareErrorOptions extends CommErrorOptions {
  /** What the server said. */
  readonly reason?: string | undefined;
  /** The job that the server named. */
  readonly jobId?: string | undefined;
}

/**
 * What an NVFlare server did not do, or what cannot be asked of it. `status` says why, `code` is the closest kind of
 * {@link CommError}, and the message says what to do. What the connection itself does not do is a CommError or CellError.
 */
export class FlareError extends CommError {
  override readonly name = 'FlareError';
  readonly status: FlareStatus;
  /** What the server said, in its own words; absent where it said nothing. */
  readonly reason: string | undefined;
  /** The job that the server named, with `submit_token_conflict` for example. */
  readonly jobId: string | undefined;

  /**
   * See the fields.
   *
   * @param text - what was asked, and what came; what to do is added
   */
  constructor(status: FlareStatus, text: string, options?: FlareErrorOptions) {
    const advice = adviceFor(status, options?.reason);
    super(CODES[status] ?? CommErrorCode.ERROR, advice === undefined ? text : `${text}: ${advice}`, options);
    this.status = status;
    this.reason = options?.reason;
    this.jobId = options?.jobId;
  }
}

const STATUSES: ReadonlySet<string> = new Set(Object.values(FlareStatus));

/** Whether a text is one of the words. */
export function isFlareStatus(text: unknown): text is FlareStatus {
  return typeof text === 'string' && STATUSES.has(text);
}
