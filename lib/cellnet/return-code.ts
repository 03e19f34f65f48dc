/**
 * How a request ended. Source: `ReturnCode` of `nvflare/fuel/f3/cellnet/defs.py`.
 *
 * Made by the requester itself: `timeout`, `invalid_target` (the name of the target cannot be), `target_unreachable` (no
 * connection leads to it), `comm_error` (a queue is full, a neighbour that was asked disconnected, or our own cell is
 * closed), `invalid_request` (the reply cannot be read). Of an incoming stream: `msg_too_big` (more waits to be consumed than
 * may), `service_unavailable` (all streams hold too much). Sent by other cells: `comm_error` (a cell on the way could not
 * pass it on), `process_exception` (the handler failed, there is none, or the code that came is not one of these), and the
 * rest.
 */
export const ReturnCode = {
  OK: 'ok',
  TIMEOUT: 'timeout',
  INVALID_TARGET: 'invalid_target',
  TARGET_UNREACHABLE: 'target_unreachable',
  COMM_ERROR: 'comm_error',
  MSG_TOO_BIG: 'msg_too_big',
  FILTER_ERROR: 'filter_error',
  INVALID_REQUEST: 'invalid_request',
  PROCESS_EXCEPTION: 'process_exception',
  AUTHENTICATION_ERROR: 'authentication_error',
  SERVICE_UNAVAILABLE: 'service_unavailable',
  INVALID_SESSION: 'invalid_session',
  ABORT_RUN: 'abort_run',
  UNAUTHENTICATED: 'unauthenticated',
} as const;

/** One of the codes of {@link ReturnCode}. */
export type ReturnCode = (typeof ReturnCode)[keyof typeof ReturnCode];

const CODES: ReadonlySet<string> = new Set(Object.values(ReturnCode));

/** Whether a text is one of the codes. */
export function isReturnCode(text: unknown): text is ReturnCode {
  return typeof text === 'string' && CODES.has(text);
}
