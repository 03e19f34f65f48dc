import { CommError, CommErrorCode } from '../comm-error.js';
import { diagnose } from '../monitor/diagnose.js';
import type { SecondLook } from '../monitor/second-look.js';
import { ExitCode, exitCodeOf, exitCodeOfError } from './exit-code.js';
import type { Printer } from './printer.js';

/** Prints in one line what failed, and sets the exit code. */
export function printFailure(printer: Printer, thrown: unknown): void {
  const error = CommError.from(thrown);
  const { code, message } = error;
  // What could not be reached has a cause that says more.
  const exitCode =
    code === CommErrorCode.NOT_READY ? exitCodeOf(diagnose(error).diagnosis) : exitCodeOfError(code);
  const isLocal = exitCode === ExitCode.USAGE;
  printer.print({ event: 'error', code, message, ...(isLocal ? { diagnosis: 'bad-request' } : {}) });
  process.exitCode = exitCode;
}

/** Prints in one line why a peer cannot be reached and what to do, and sets the exit code. */
export function printDiagnosis(printer: Printer, thrown: unknown, look?: SecondLook): void {
  const { diagnosis, text, error } = diagnose(thrown, look);
  printer.print({ event: 'error', code: error.code, message: `${text} (${error.message})`, diagnosis });
  process.exitCode = exitCodeOf(diagnosis);
}
