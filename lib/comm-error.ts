/**
 * The closed set of error codes, the same as NVFlare's `CommError` has.
 *
 * - `ERROR`: anything that has no better code
 * - `NOT_READY`: the endpoint is known, but cannot take messages now
 * - `BAD_DATA`: bytes or values that break the protocol
 * - `BAD_CONFIG`: a call, URL or parameter that can never work as given
 * - `CLOSED`: the endpoint, connection or communicator is gone
 * - `NOT_SUPPORTED`: no driver, or a driver that cannot do this
 * - `TIMEOUT`: the other side did not answer in time
 */
export const CommErrorCode = {
  ERROR: 'ERROR',
  NOT_READY: 'NOT_READY',
  BAD_DATA: 'BAD_DATA',
  BAD_CONFIG: 'BAD_CONFIG',
  CLOSED: 'CLOSED',
  NOT_SUPPORTED: 'NOT_SUPPORTED',
  TIMEOUT: 'TIMEOUT',
} as const;

/** One of the codes of {@link CommErrorCode}. */
export type CommErrorCode = (typeof CommErrorCode)[keyof typeof CommErrorCode];

/**
 * The one error class of rxflare.
 *
 * `code` says what kind of failure it is, `message` names the connection or URL, what was expected and what
 * came, and `cause` keeps the error underneath (a Node system error, say).
 */
export class CommError extends Error {
  override readonly name: string = 'CommError';
  readonly code: CommErrorCode;

  /** The message names the connection or URL; `options.cause` is the error underneath. */
  constructor(code: CommErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /**
   * Turns anything that was thrown into a CommError: a CommError is returned as it is, everything else becomes
   * the `cause` of a new one.
   *
   * @param reason - what was thrown
   * @param context - put before the message, to say what was being done
   * @param code - the code of a new error, `ERROR` unless told
   */
  static from(reason: unknown, context?: string, code: CommErrorCode = CommErrorCode.ERROR): CommError {
    if (reason instanceof CommError) return reason;
    const text = messageOf(reason);
    return new CommError(code, context === undefined ? text : `${context}: ${text}`, { cause: reason });
  }
}

/** The text of anything that was thrown, which need not be an Error. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === 'object' && thrown !== null
    ? Object.prototype.toString.call(thrown)
    : String(thrown);
}
