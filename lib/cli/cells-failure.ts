import { CellError, ReturnCode } from '../cellnet/index.js';
import { ExitCode } from './exit-code.js';
import { printFailure } from './failure.js';
import type { Printer } from './printer.js';

/** All other return codes are answers of the other cell: its handler failed, say. */
const EXIT_CODES: Readonly<Partial<Record<ReturnCode, ExitCode>>> = {
  [ReturnCode.TIMEOUT]: ExitCode.TIMEOUT,
  [ReturnCode.INVALID_TARGET]: ExitCode.USAGE,
  [ReturnCode.TARGET_UNREACHABLE]: ExitCode.UNREACHABLE,
  [ReturnCode.COMM_ERROR]: ExitCode.UNREACHABLE,
  [ReturnCode.AUTHENTICATION_ERROR]: ExitCode.REFUSED,
  [ReturnCode.UNAUTHENTICATED]: ExitCode.REFUSED,
};

/** The exit code after a request or stream that failed. */
export function exitCodeOfReturn(returnCode: ReturnCode): ExitCode {
  return EXIT_CODES[returnCode] ?? ExitCode.ANSWERED;
}

/** Prints in one line why a request or stream failed, with its return code, and sets the exit code. */
export function printCellFailure(printer: Printer, error: unknown): void {
  if (!(error instanceof CellError)) {
    printFailure(printer, error);
    return;
  }
  const { code, message, returnCode } = error;
  printer.print({ event: 'error', code, message, returnCode });
  process.exitCode = exitCodeOfReturn(returnCode);
}
