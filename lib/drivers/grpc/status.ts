import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

import { CommError, CommErrorCode, type CommErrorDetail } from '../../comm-error.js';
import { REPLACED } from '../../transport/told-reason.js';
import { fromNodeError, systemCode } from '../node/node-errors.js';

/** The gRPC status codes that are used here. */
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

/** The CommError codes of a peer's status. Any other status is `ERROR`. */
const COMM_CODES: Readonly<Record<number, CommErrorCode>> = {
  1: CommErrorCode.CLOSED, // CANCELLED, by which NVFlare ends a connection
  3: CommErrorCode.BAD_DATA, // INVALID_ARGUMENT
  4: CommErrorCode.TIMEOUT, // DEADLINE_EXCEEDED
  7: CommErrorCode.BAD_CONFIG, // PERMISSION_DENIED
  8: CommErrorCode.BAD_DATA, // RESOURCE_EXHAUSTED, a message over the limit
  10: CommErrorCode.CLOSED, // ABORTED
  11: CommErrorCode.BAD_DATA, // OUT_OF_RANGE
  12: CommErrorCode.NOT_SUPPORTED, // UNIMPLEMENTED: it speaks gRPC, but not F3
  13: CommErrorCode.CLOSED, // INTERNAL, for a broken stream or failed write in gRPC libraries
  14: CommErrorCode.CLOSED, // UNAVAILABLE: the peer is gone
  15: CommErrorCode.BAD_DATA, // DATA_LOSS
  16: CommErrorCode.BAD_CONFIG, // UNAUTHENTICATED
};

/** The status that a client gets for the reason its stream ends. */
const STATUS_CODES: Readonly<Record<CommErrorCode, number>> = {
  ERROR: GrpcCode.UNKNOWN,
  NOT_READY: GrpcCode.UNAVAILABLE,
  BAD_DATA: GrpcCode.INVALID_ARGUMENT,
  BAD_CONFIG: GrpcCode.PERMISSION_DENIED,
  CLOSED: GrpcCode.CANCELLED,
  NOT_SUPPORTED: GrpcCode.UNIMPLEMENTED,
  TIMEOUT: GrpcCode.DEADLINE_EXCEEDED,
  REFUSED: GrpcCode.PERMISSION_DENIED,
};

/** Generic details: only a peer's own fault is sent in full, since other reasons may name other peers or a secret. */
const DETAILS: Partial<Record<CommErrorCode, string>> = {
  ERROR: 'the listener failed',
  NOT_READY: 'no more is taken now',
  BAD_CONFIG: 'refused',
  REFUSED: 'refused',
  CLOSED: 'closed',
};

/** In characters. Peers accept no more than a few KiB of headers. */
const MAX_DETAILS = 1024;

/** How a server ended a stream. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
}

/** The status for a connection that ends cleanly, or with an error. */
export function toStatus(reason: CommError | undefined): GrpcStatus {
  if (reason === undefined) return { code: GrpcCode.OK, details: 'OK' };
  const details = reason.detail === 'replaced' ? REPLACED : (DETAILS[reason.code] ?? reason.message);
  return { code: STATUS_CODES[reason.code], details };
}

/** The status for a client that is refused. */
export function toRefusal(told: string): GrpcStatus {
  return { code: GrpcCode.PERMISSION_DENIED, details: told === '' ? 'refused' : told };
}

/** The error of a peer's status; `undefined` for OK. */
export function fromStatus({ code, details }: GrpcStatus, context: string): CommError | undefined {
  if (code === GrpcCode.OK) return undefined;
  const cause = new Error(`gRPC status ${code}: ${details}`);
  const text = details === '' ? `the peer ended the stream with gRPC status ${code}` : details;
  const commCode = COMM_CODES[code] ?? CommErrorCode.ERROR;
  const detail = details === REPLACED ? 'replaced' : detailOf(commCode);
  return new CommError(commCode, `${context}: ${text}`, { cause, detail });
}

function detailOf(code: CommErrorCode): CommErrorDetail | undefined {
  if (code === CommErrorCode.NOT_SUPPORTED) return 'other-protocol';
  return code === CommErrorCode.CLOSED ? undefined : 'turned-away';
}

/** The status in headers or trailers; `undefined` if they have none. */
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
 * The error of an HTTP/2 session or stream, or of its socket: `BAD_DATA` if the peer broke the protocol, `CLOSED` if it
 * reset the stream or session, else that of the system error.
 */
export function fromHttp2Error(error: Error, context: string): CommError {
  const code = systemCode(error);
  if (code === 'ERR_HTTP2_ERROR')
    return CommError.from(error, `${context}: expected HTTP/2`, CommErrorCode.BAD_DATA);
  if (code.startsWith('ERR_HTTP2_')) return CommError.from(error, context, CommErrorCode.CLOSED);
  return fromNodeError(error, context);
}

/** Encodes `grpc-message`: UTF-8, with a percent sign and two digits for each byte that is not printable ASCII. */
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

/** Decodes `grpc-message`. A text that is not well formed is returned as it is. */
function decoded(details: string): string {
  try {
    return decodeURIComponent(details);
  } catch {
    return details;
  }
}
