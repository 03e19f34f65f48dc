import { CellError, ReturnCode } from '../cellnet/index.js';
import { NO_HANDLER } from '../cellnet/request-dispatcher.js';
import { NO_RECEIVER } from '../cellnet/stream-headers.js';
import type { Place } from './cells-options.js';
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
  const isUnhandled = error.reason === NO_HANDLER || error.reason?.startsWith(NO_RECEIVER) === true;
  const hint = isUnhandled ? ': nobody handles that there; check channel, topic and target' : '';
  print(printer, error, error.message + hint, exitCodeOfReturn(error.returnCode));
}

/**
 * As {@link printCellFailure}, for a stream to a topic of a channel: what the target itself refuses, it has answered.
 */
export function printStreamFailure(printer: Printer, error: unknown, { channel, topic }: Place): void {
  if (!(error instanceof CellError) || error.reason === undefined) {
    printCellFailure(printer, error);
    return;
  }
  const hint = error.reason.startsWith(NO_RECEIVER)
    ? `: nobody waits there for streams of ${channel}/${topic}; start rxflare pull first, or check --channel, --topic and --to`
    : '';
  print(printer, error, error.message + hint, ExitCode.ANSWERED);
}

function print(
  printer: Printer,
  { code, returnCode, reason }: CellError,
  message: string,
  exitCode: ExitCode,
): void {
  printer.print({ event: 'error', code, message, returnCode, ...(reason === undefined ? {} : { reason }) });
  process.exitCode = exitCode;
}
