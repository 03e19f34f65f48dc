import { CommError, CommErrorCode } from '../../comm-error.js';
import { opensslFailure } from './openssl-reason.js';

/** The CommError codes of system errors. Any other error is `ERROR`. */
const CODES: Readonly<Record<string, CommErrorCode>> = {
  EADDRINUSE: CommErrorCode.BAD_CONFIG,
  EADDRNOTAVAIL: CommErrorCode.BAD_CONFIG,
  EACCES: CommErrorCode.BAD_CONFIG,
  EPERM: CommErrorCode.BAD_CONFIG,
  ENOENT: CommErrorCode.BAD_CONFIG,
  ENOTFOUND: CommErrorCode.NOT_READY,
  EAI_AGAIN: CommErrorCode.NOT_READY,
  ECONNREFUSED: CommErrorCode.NOT_READY,
  EHOSTUNREACH: CommErrorCode.NOT_READY,
  ENETUNREACH: CommErrorCode.NOT_READY,
  ETIMEDOUT: CommErrorCode.TIMEOUT,
  ECONNRESET: CommErrorCode.CLOSED,
  ECONNABORTED: CommErrorCode.CLOSED,
  EPIPE: CommErrorCode.CLOSED,
  // Bytes were changed in transit: we noticed, or the peer did.
  ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: CommErrorCode.BAD_DATA,
  ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC: CommErrorCode.BAD_DATA,
};

/** Codes of certificates that one side refuses. OpenSSL's own codes begin with ERR_SSL. */
const CERTIFICATE = /^(ERR_SSL_|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO$)/;

/** Turns an error of node:net, node:tls or node:fs into a CommError that names the connection or URL. */
export function fromNodeError(error: unknown, context: string): CommError {
  const code = systemCode(error);
  const commCode = CODES[code] ?? (CERTIFICATE.test(code) ? CommErrorCode.BAD_CONFIG : undefined);
  const failure = error instanceof Error ? opensslFailure(error) : undefined;
  if (failure === undefined) return CommError.from(withMessage(error, code), context, commCode);
  const { words, detail } = failure;
  return new CommError(commCode ?? CommErrorCode.ERROR, `${context}: ${words}`, { cause: error, detail });
}

/** The code of a system error, such as `ECONNREFUSED`. Empty if there is none. */
export function systemCode(error: unknown): string {
  if (error instanceof AggregateError) return systemCode(error.errors[0]);
  if (error instanceof CommError) return systemCode(error.cause);
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** Gives an AggregateError a message: a connection attempt to several addresses fails with one that has none. */
function withMessage(error: unknown, code: string): unknown {
  if (!(error instanceof AggregateError) || error.message !== '') return error;
  const messages = error.errors.map((each: unknown) => (each instanceof Error ? each.message : String(each)));
  return Object.assign(new Error(messages.join(', '), { cause: error }), { code });
}
