/**
 * Keeps a pipe that its reader has closed (`rxflare listen | head -1`) from ending the program with a stack trace:
 * what is written to it is lost. Any other error of an output ends the program, as without this.
 */
export function tolerateClosedPipes(): void {
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error) => {
      if (!isClosedPipe(error)) throw error;
    });
  }
}

/** Whether an error of an output says that nobody reads it any more. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}
