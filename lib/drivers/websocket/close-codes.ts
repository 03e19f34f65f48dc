import { CommError, CommErrorCode } from '../../comm-error.js';
import { REPLACED } from '../../transport/told-reason.js';

/** WebSocket close codes (RFC 6455, 7.4.1). */
export const CloseCode = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the close frame had no code, as after `close()` in a browser. */
  NO_CODE: 1005,
  /** Never on the wire: the connection ended without a close frame. */
  ABNORMAL: 1006,
  INVALID_DATA: 1007,
  POLICY: 1008,
  TOO_LARGE: 1009,
  INTERNAL_ERROR: 1011,
  TRY_AGAIN_LATER: 1013,
} as const;

/** One of the values of {@link CloseCode}. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** A browser may only send 1000 and codes from 3000 on, so the standard codes are shifted by 3000 there. */
const PRIVATE_CODES = 4000;
const STANDARD_CODES = 1000;

const CLEAN: ReadonlySet<number> = new Set([CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NO_CODE]);

/** The CommError codes of a peer's close codes. Any other code is `CLOSED`. */
const ERRORS: Readonly<Record<number, readonly [CommErrorCode, string]>> = {
  [CloseCode.PROTOCOL_ERROR]: [CommErrorCode.BAD_DATA, 'the peer found a protocol error'],
  [CloseCode.UNSUPPORTED_DATA]: [CommErrorCode.BAD_DATA, 'the peer cannot take this kind of message'],
  [CloseCode.ABNORMAL]: [CommErrorCode.CLOSED, 'the connection was lost without a close frame'],
  [CloseCode.INVALID_DATA]: [CommErrorCode.BAD_DATA, 'the peer found invalid data'],
  [CloseCode.POLICY]: [CommErrorCode.BAD_DATA, 'the peer refused us, or a message'],
  [CloseCode.TOO_LARGE]: [
    CommErrorCode.BAD_DATA,
    'a message was too large for the peer (NVFlare clients take less than 4 MiB)',
  ],
  [CloseCode.INTERNAL_ERROR]: [CommErrorCode.ERROR, 'the peer failed'],
  [CloseCode.TRY_AGAIN_LATER]: [CommErrorCode.NOT_READY, 'the peer takes no more now'],
};

/** The error of a close code; `undefined` for a clean end. */
export function closeError(code: number, reason: string, context: string): CommError | undefined {
  const standard = isPrivate(code) ? code - PRIVATE_CODES + STANDARD_CODES : code;
  if (CLEAN.has(standard)) {
    const text = `${context}: ${REPLACED}; each party needs a name of its own`;
    return reason === REPLACED
      ? new CommError(CommErrorCode.CLOSED, text, { detail: 'replaced' })
      : undefined;
  }
  const [errorCode, meaning] = ERRORS[standard] ?? [CommErrorCode.CLOSED, 'the peer closed the connection'];
  const words = reason === '' ? '' : `: ${JSON.stringify(reason)}`;
  const detail = standard === CloseCode.ABNORMAL ? undefined : 'turned-away';
  return new CommError(errorCode, `${context}: ${meaning} (close code ${code})${words}`, { detail });
}

/** The close code for a connection that ends with this error. */
export function closeCodeOf(reason: CommError | undefined): CloseCode {
  switch (reason?.code) {
    case undefined:
      return CloseCode.NORMAL;
    case CommErrorCode.CLOSED:
      return CloseCode.GOING_AWAY;
    case CommErrorCode.BAD_DATA:
      return CloseCode.PROTOCOL_ERROR;
    case CommErrorCode.BAD_CONFIG:
      return CloseCode.POLICY;
    case CommErrorCode.NOT_READY:
      return CloseCode.TRY_AGAIN_LATER;
    default:
      return CloseCode.INTERNAL_ERROR;
  }
}

/**
 * The reason beside the close code, which the peer reads; mostly empty. Where it is replaced the code is that of a clean end,
 * which NVFlare does not take for an error.
 */
export function closeReasonOf(reason: CommError | undefined): string {
  return reason?.detail === 'replaced' ? REPLACED : '';
}

/** The same code in the range that a browser may send. */
export function privateCodeOf(code: CloseCode): number {
  const isClean = code === CloseCode.NORMAL || code === CloseCode.GOING_AWAY;
  return isClean ? CloseCode.NORMAL : code - STANDARD_CODES + PRIVATE_CODES;
}

function isPrivate(code: number): boolean {
  return code >= PRIVATE_CODES && code < PRIVATE_CODES + 100;
}
