import { CommError, CommErrorCode } from '../../comm-error.js';
import { fromNodeError, systemCode } from '../node-errors.js';

/** The status codes of gRPC that are more than an ERROR to a communicator. */
const CODES: Readonly<Record<number, CommErrorCode>> = {
  1: CommErrorCode.CLOSED, // CANCELLED, which is how NVFlare ends a connection
  3: CommErrorCode.BAD_DATA, // INVALID_ARGUMENT
  4: CommErrorCode.TIMEOUT, // DEADLINE_EXCEEDED
  7: CommErrorCode.BAD_CONFIG, // PERMISSION_DENIED
  8: CommErrorCode.BAD_DATA, // RESOURCE_EXHAUSTED, a message over the limit
  10: CommErrorCode.CLOSED, // ABORTED
  11: CommErrorCode.BAD_DATA, // OUT_OF_RANGE
  12: CommErrorCode.NOT_SUPPORTED, // UNIMPLEMENTED: it speaks gRPC, but not F3
  13: CommErrorCode.CLOSED, // INTERNAL, which grpc-js says of a stream that broke or a write that failed
  14: CommErrorCode.CLOSED, // UNAVAILABLE: the peer has gone
  15: CommErrorCode.BAD_DATA, // DATA_LOSS
  16: CommErrorCode.BAD_CONFIG, // UNAUTHENTICATED
};

/** Those that are looked for by number. */
export const GrpcCode = { OK: 0, CANCELLED: 1, UNAVAILABLE: 14 } as const;

/** `connect ECONNREFUSED 127.0.0.1:8002`, `getaddrinfo EAI_AGAIN hub`. */
const SYSTEM_CODE = /\b(?:E[A-Z]{4,}|EAI_[A-Z]+)\b/;

/** What grpc-js wraps around the text of the last error. */
const LAST_ERROR = /Last error: (?:Error: )?(.*?)\.? Resolution note: /;

/** How a call ended. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
}

/**
 * The error of a stream that broke.
 *
 * @param socketError - what its socket said, which becomes the cause
 */
export function fromStatus({ code, details }: GrpcStatus, context: string, socketError?: Error): CommError {
  const cause = socketError ?? new Error(`gRPC status ${code}: ${details}`);
  return new CommError(CODES[code] ?? CommErrorCode.ERROR, `${context}: ${details}`, { cause });
}

/** What was seen of the socket of a stream that did not come about. */
export interface SocketTrace {
  /** There was a TCP connection, and with TLS an encrypted one. */
  readonly isConnected: boolean;
  readonly error: Error | undefined;
}

/**
 * The error of a stream that did not come about. grpc-js tells the error of a TCP connection as text alone, so the
 * system's code is taken back from there.
 */
export function fromFailedConnect(status: GrpcStatus, context: string, socket: SocketTrace): CommError {
  const socketCode = systemCode(socket.error);
  if (socketCode.startsWith('ERR_HTTP2_'))
    return CommError.from(socket.error, context, CommErrorCode.BAD_DATA);
  if (socketCode !== '') return fromNodeError(socket.error, context);
  const details = LAST_ERROR.exec(status.details)?.[1] ?? status.details;
  const code = SYSTEM_CODE.exec(details)?.[0];
  if (code !== undefined) return fromNodeError(Object.assign(new Error(details), { code }), context);
  if (status.code !== GrpcCode.UNAVAILABLE) return fromStatus(status, context);
  return socket.isConnected
    ? new CommError(CommErrorCode.CLOSED, `${context}: the peer closed the connection before it spoke HTTP/2`)
    : new CommError(CommErrorCode.NOT_READY, `${context}: ${details}`);
}
