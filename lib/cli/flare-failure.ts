import { adviceFor, FlareError, FlareStatus } from '../flare/flare-error.js';
import { printCellFailure } from './cells-failure.js';
import { ExitCode } from './exit-code.js';
import type { Printer } from './printer.js';

/** All others are answers of the server. */
const EXIT_CODES: Readonly<Partial<Record<FlareStatus, ExitCode>>> = {
  [FlareStatus.NO_CONNECTION]: ExitCode.UNREACHABLE,
  [FlareStatus.INTERRUPTED]: ExitCode.UNREACHABLE,
  [FlareStatus.SESSION_ENDED]: ExitCode.UNREACHABLE,
  [FlareStatus.LOGIN_REFUSED]: ExitCode.REFUSED,
  [FlareStatus.NOT_AUTHORIZED]: ExitCode.REFUSED,
  [FlareStatus.NOT_AUTHENTICATED]: ExitCode.REFUSED,
  [FlareStatus.WRONG_SERVER]: ExitCode.TLS,
  [FlareStatus.CERTIFICATE_EXPIRED]: ExitCode.TLS,
  [FlareStatus.BAD_ARGUMENT]: ExitCode.USAGE,
  [FlareStatus.NOT_SUPPORTED]: ExitCode.USAGE,
  [FlareStatus.NO_REPLY]: ExitCode.TIMEOUT,
  [FlareStatus.TIMED_OUT]: ExitCode.TIMEOUT,
  [FlareStatus.BAD_ARCHIVE]: ExitCode.FAILED,
  [FlareStatus.JOB_FAILED]: ExitCode.JOB,
};

/** What to do, for who has commands in place of methods. */
const ADVICE: Readonly<Partial<Record<FlareStatus, string>>> = {
  [FlareStatus.NO_SUCH_JOB]: 'rxflare flare jobs lists the jobs of the study',
  [FlareStatus.INVALID_TARGET]: 'rxflare flare sites lists the sites that are connected',
  [FlareStatus.NO_CLIENTS]: 'start a site, and try again once rxflare flare sites lists it',
  [FlareStatus.NO_REPLY]: 'a site may be busy or gone: try again, or with a longer --timeout',
  [FlareStatus.SESSION_ENDED]: 'run the command again',
  [FlareStatus.NOT_AUTHENTICATED]: 'run the command again',
};

/** The message of an error with what to do in commands. */
export function messageForCommand({ message, status, reason }: FlareError): string {
  const [own, advice] = [ADVICE[status], adviceFor(status, reason)];
  if (own === undefined || advice === undefined || !message.endsWith(advice)) return message;
  return message.slice(0, -advice.length) + own;
}

/** Prints in one line what a federation did not do, with its status, and sets the exit code. */
export function printFlareFailure(printer: Printer, error: unknown): void {
  if (!(error instanceof FlareError)) {
    printCellFailure(printer, error);
    return;
  }
  const { code, status } = error;
  printer.print({ event: 'error', code, message: messageForCommand(error), status });
  process.exitCode = EXIT_CODES[status] ?? ExitCode.ANSWERED;
}
