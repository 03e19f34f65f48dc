/**
 * The closed set of error codes: those of NVFlare's `CommError`, and `REFUSED`.
 *
 * - `ERROR`: anything that has no better code
 * - `NOT_READY`: it cannot be done now, but may be later: an endpoint that takes no messages yet, a refused connection
 * - `BAD_DATA`: bytes or values that break the protocol
 * - `BAD_CONFIG`: a call, URL or parameter that can never work as given
 * - `CLOSED`: the endpoint, connection or communicator is gone
 * - `NOT_SUPPORTED`: no driver, or a driver that cannot do this
 * - `TIMEOUT`: the other side did not answer in time
 * - `REFUSED`: the other side does not let us in, see {@link RefusedError}
 */
export const CommErrorCode = {
  ERROR: 'ERROR',
  NOT_READY: 'NOT_READY',
  BAD_DATA: 'BAD_DATA',
  BAD_CONFIG: 'BAD_CONFIG',
  CLOSED: 'CLOSED',
  NOT_SUPPORTED: 'NOT_SUPPORTED',
  TIMEOUT: 'TIMEOUT',
  REFUSED: 'REFUSED',
} as const;

/** One of the codes of {@link CommErrorCode}. */
export type CommErrorCode = (typeof CommErrorCode)[keyof typeof CommErrorCode];

/**
 * A finer distinction than the code, for programs. Most errors have none.
 *
 * - `own-name`: the peer presents itself under our own name
 * - `certificate-name`: the peer's certificate does not fit its endpoint name
 * - `truncated`: the stream ended in the middle of a frame
 * - `certificate-refused`: the peer does not accept our certificate
 * - `certificate-unproven`: the peer demanded our certificate, and ended the connection before it sent anything
 * - `certificate-wanted`: the peer demands a certificate, and we showed none
 * - `name-taken`: another connection has the name, lives, and keeps it
 * - `no-tls`: the peer did not complete a TLS handshake, nor did it send a TLS alert
 * - `other-protocol`: the peer speaks, or expects, another protocol than that of the scheme
 * - `replaced`: another connection presents itself under the same name, and takes the place of this one
 * - `turned-away`: the peer ended the connection by a close code or status that names a fault or a refusal
 */
export type CommErrorDetail =
  | 'own-name'
  | 'certificate-name'
  | 'truncated'
  | 'certificate-refused'
  | 'certificate-unproven'
  | 'certificate-wanted'
  | 'name-taken'
  | 'no-tls'
  | 'other-protocol'
  | 'replaced'
  | 'turned-away';

/** The options of an Error (`cause`), and the detail. */
export interface CommErrorOptions extends ErrorOptions {
  readonly detail?: CommErrorDetail | undefined;
}

/**
 * The error class of rxflare; some errors are a subclass with more fields.
 *
 * `code` is the kind of failure, `detail` a finer distinction where a program needs one. `message` names the connection
 * or URL, what was expected and what came. `cause` is the underlying error, such as a system error of Node.
 */
export class CommError extends Error {
  override readonly name: string = 'CommError';
  readonly code: CommErrorCode;
  readonly detail: CommErrorDetail | undefined;

  /** The message should name the connection or URL; `options.cause` is the underlying error. */
  constructor(code: CommErrorCode, message: string, options?: CommErrorOptions) {
    super(message, options);
    this.code = code;
    this.detail = options?.detail;
  }

  /**
   * Turns anything that was thrown into a CommError: a CommError is returned as it is, everything else becomes
   * the `cause` of a new one.
   *
   * @param reason - what was thrown
   * @param context - what was being done; it is put before the message
   * @param code - the code of a new error. Default: `ERROR`
   */
  static from(reason: unknown, context?: string, code: CommErrorCode = CommErrorCode.ERROR): CommError {
    if (reason instanceof CommError) return reason;
    const text = messageOf(reason);
    return new CommError(code, context === undefined ? text : `${context}: ${text}`, { cause: reason });
  }

  /**
   * Puts a context before the message of anything that was thrown. Code and detail stay.
   *
   * @param reason - what was thrown; it becomes the `cause`
   * @param context - what was being done, or on which connection
   */
  static within(reason: unknown, context: string): CommError {
    const { code, message, detail } = CommError.from(reason);
    return new CommError(code, `${context}: ${message}`, { cause: reason, detail });
  }
}

/** `send` refused a message because the queue of its endpoint is at `maxQueuedBytes`. Wait for `drained`. */
export class QueueFullError extends CommError {
  override readonly name = 'QueueFullError';

  /** Names the endpoint and both sizes, in bytes. */
  constructor(endpointName: string, queuedBytes: number, maxQueuedBytes: number) {
    super(
      CommErrorCode.NOT_READY,
      `the queue to ${endpointName} holds ${queuedBytes} of at most ${maxQueuedBytes} bytes: ` +
        'when send returns false, wait for drained() before the next message',
    );
  }
}

/**
 * A peer refused us: by its `verifyEndpoint`, because our name is taken there, or because it does not fit our certificate.
 */
export class RefusedError extends CommError {
  override readonly name = 'RefusedError';
  /**
   * What the peer told us, on one line of at most 123 bytes; empty where it tells nothing. Nothing but TLS proves who said
   * it.
   */
  readonly reason: string;

  /** Names the connection, and what was told. @param context - on which connection */
  constructor(context: string, reason: string) {
    const detail = reason === '' ? 'it does not tell why' : JSON.stringify(reason);
    super(CommErrorCode.REFUSED, `${context}: the peer refused us: ${detail}`);
    this.reason = reason;
  }
}

/** The text of anything that was thrown, which need not be an Error. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === 'object' && thrown !== null
    ? Object.prototype.toString.call(thrown)
    : String(thrown);
}

/** The first system or OpenSSL code in the chain of causes, such as `ECONNREFUSED`; empty where there is none. */
export function causeCode(error: CommError): string {
  let cause: unknown = error.cause;
  while (typeof cause === 'object' && cause !== null) {
    if (!(cause instanceof CommError) && 'code' in cause && typeof cause.code === 'string') return cause.code;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return '';
}
