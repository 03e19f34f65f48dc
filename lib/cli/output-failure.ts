import { messageOf } from '../comm-error.js';
import { ExitCode } from './exit-code.js';

/**
 * Keeps an output that fails from ending the program with a stack trace: what is written to it is lost. A pipe that its
 * reader has closed (`rxflare listen | head -1`) is no failure. Any other, such as a full disk, is reported once, on
 * standard error, and sets the exit code.
 */
export function tolerateOutputFailures(): void {
  for (const [name, output] of [
    ['standard output', process.stdout],
    ['standard error', process.stderr],
  ] as const) {
    let hasFailed = false;
    output.on('error', (error) => {
      if (hasFailed || isClosedPipe(error)) return;
      hasFailed = true;
      process.exitCode = ExitCode.FAILED;
      if (output !== process.stderr) process.stderr.write(`rxflare: ${name}: ${messageOf(error)}\n`);
    });
  }
}

/** Whether an error of an output says that nobody reads it any more. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}
