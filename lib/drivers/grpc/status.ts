import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

import { CommError, CommErrorCode } from '../../comm-error.js';
import { fromNodeError, systemCode } from '../node/node-errors.js';

/** The status codes of gRPC that are looked for, or sent. */
export const GrpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
} as const;

/** What a status means, where it is more than an ERROR to a communicator. */
const COMM_CODES: Readonly<Record<number, CommErrorCode>> = {
  1: CommErrorCode.CLOSED, // CANCELLED, which is how NVFlare ends a connection
  3: CommErrorCode.BAD_DATA, // INVALID_ARGUMENT
  4: CommErrorCode.TIMEOUT, // DEADLINE_EXCEEDED
  7: CommErrorCode.BAD_CONFIG, // PERMISSION_DENIED
  8: CommErrorCode.BAD_DATA, // RESOURCE_EXHAUSTED, a message over the limit
  10: CommErrorCode.CLOSED, // ABORTED
  11: CommErrorCode.BAD_DATA, // OUT_OF_RANGE
  12: CommErrorCode.NOT_SUPPORTED, // UNIMPLEMENTED: it speaks gRPC, but not F3
  13: CommErrorCode.CLOSED, // INTERNAL, which gRPC libraries say of a stream that broke or a write that failed
  14: CommErrorCode.CLOSED, // UNAVAILABLE: the peer has gone
  15: CommErrorCode.BAD_DATA, // DATA_LOSS
  16: CommErrorCode.BAD_CONFIG, // UNAUTHENTICATED
};

/** What a client is told of why we end its stream. */
const STATUS_CODES: Readonly<Record<CommErrorCode, number>> = {
  ERROR: GrpcCode.UNKNOWN,
  NOT_READY: GrpcCode.UNAVAILABLE,
  BAD_DATA: GrpcCode.INVALID_ARGUMENT,
  BAD_CONFIG: GrpcCode.PERMISSION_DENIED,
  CLOSED: GrpcCode.CANCELLED,
  NOT_SUPPORTED: GrpcCode.UNIMPLEMENTED,
  TIMEOUT: GrpcCode.DEADLINE_EXCEEDED,
};

/** Only what a peer did wrong is told in full: other reasons may name other peers, or a secret. */
const DETAILS: Partial<Record<CommErrorCode, string>> = {
  ERROR: 'the listener failed',
  NOT_READY: 'no more is taken now',
  BAD_CONFIG: 'refused',
  CLOSED: 'closed',
};

/** Peers take no more than a few KiB of headers. */
const MAX_DETAILS = 1024;

/** How a stream ended, as its server puts it. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
}

/** The status for a connection that ends, cleanly or for a reason. */
export function toStatus(reason: CommError | undefined): GrpcStatus {
  if (reason === undefined) return { code: GrpcCode.OK, details: 'OK' };
  return { code: STATUS_CODES[reason.code], details: DETAILS[reason.code] ?? reason.message };
}

/** The error that a peer's status is; `undefined` where it is OK. */
export function fromStatus({ code, details }: GrpcStatus, context: string): CommError | undefined {
  if (code === GrpcCode.OK) return undefined;
  const cause = new Error(`gRPC status ${code}: ${details}`);
  const text = details === '' ? `the peer ended the stream with gRPC status ${code}` : details;
  return new CommError(COMM_CODES[code] ?? CommErrorCode.ERROR, `${context}: ${text}`, { cause });
}

/** The status in headers or trailers, if they have one. */
export function readStatus(headers: IncomingHttpHeaders): GrpcStatus | undefined {
  const { 'grpc-status': code, 'grpc-message': details } = headers;
  if (typeof code !== 'string') return undefined;
  return { code: Number(code), details: typeof details === 'string' ? decoded(details) : '' };
}

/** A status as headers or trailers. */
export function statusHeaders({ code, details }: GrpcStatus): OutgoingHttpHeaders {
  return { 'grpc-status': code, 'grpc-message': encoded(details.slice(0, MAX_DETAILS)) };
}

/**
 * The error of an HTTP/2 session or stream, or of the socket under it: the peer broke the protocol (BAD_DATA), it
 * reset the stream or the session (CLOSED), or what the system says.
 */
export function fromHttp2Error(error: Error, context: string): CommError {
  const code = systemCode(error);
  if (code === 'ERR_HTTP2_ERROR')
    return CommError.from(error, `${context}: expected HTTP/2`, CommErrorCode.BAD_DATA);
  if (code.startsWith('ERR_HTTP2_')) return CommError.from(error, context, CommErrorCode.CLOSED);
  return fromNodeError(error, context);
}

/** `grpc-message` is UTF-8, with a percent sign and two digits for each byte that is not printable ASCII. */
function encoded(details: string): string {
  const bytes = Array.from(Buffer.from(details));
  return bytes.map((byte) => (isPlain(byte) ? String.fromCharCode(byte) : percent(byte))).join('');
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** A peer's text need not be well formed; then it is shown as it came. */
function decoded(details: string): string {
  try {
    return decodeURIComponent(details);
  } catch {
    return details;
  }
}
