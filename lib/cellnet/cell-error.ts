import { CommError, CommErrorCode, type CommErrorOptions } from '../comm-error.js';
import { ReturnCode } from './return-code.js';

/** The code of a CommError that comes closest. */
const CODES: Readonly<Partial<Record<ReturnCode, CommErrorCode>>> = {
  [ReturnCode.TIMEOUT]: CommErrorCode.TIMEOUT,
  [ReturnCode.INVALID_TARGET]: CommErrorCode.BAD_CONFIG,
  [ReturnCode.TARGET_UNREACHABLE]: CommErrorCode.CLOSED,
  [ReturnCode.COMM_ERROR]: CommErrorCode.CLOSED,
  [ReturnCode.MSG_TOO_BIG]: CommErrorCode.BAD_DATA,
  [ReturnCode.INVALID_REQUEST]: CommErrorCode.BAD_DATA,
  [ReturnCode.SERVICE_UNAVAILABLE]: CommErrorCode.NOT_READY,
};

/** The options of a {@link CellError}. */
export interface CellErrorOptions extends CommErrorOptions {
  /** What the cell that asked is told beside the return code, at most 1,000 characters. Default: nothing. */
  readonly reason?: string | undefined;
}

/**
 * A request that got no reply, or one that says it failed.
 *
 * A handler throws it to answer with a return code of its choice: `throw new CellError(ReturnCode.INVALID_SESSION)`. Its
 * `reason` travels along, its text does not. One that came from another cell (`target`) answers `process_exception`, with
 * no reason.
 */
export class CellError extends CommError {
  override readonly name = 'CellError';
  readonly returnCode: ReturnCode;
  /** The cell that was asked; absent where a handler throws. */
  readonly target: string | undefined;
  /** What the cell that answered said beside the return code, in words of its own; absent where it said nothing. */
  readonly reason: string | undefined;

  /**
   * For handlers that choose what they answer.
   *
   * @param returnCode - why; it decides the `code`: `TIMEOUT`, `CLOSED` where no way leads to the target, `BAD_DATA`,
   * `BAD_CONFIG`, `NOT_READY`, or `ERROR`
   * @param text - what was asked of whom. Default: the return code
   * @param options - a `cause` that is a CommError decides the `code` instead
   */
  constructor(
    returnCode: ReturnCode,
    text: string = returnCode,
    target?: string,
    options?: CellErrorOptions,
  ) {
    const cause = options?.cause;
    const code = cause instanceof CommError ? cause.code : (CODES[returnCode] ?? CommErrorCode.ERROR);
    super(code, text, options);
    this.returnCode = returnCode;
    this.target = target;
    this.reason = options?.reason;
  }
}

/** Nothing can be asked of, or sent to, `target`: our own cell has ended. */
export function closedError(target: string): CellError {
  return new CellError(ReturnCode.COMM_ERROR, `cell ${target}: our own cell is closed`, target);
}
