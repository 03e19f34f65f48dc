import { filter, fromEvent, merge, type Observable } from 'rxjs';

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

/** Emits when a write finds that nobody reads standard output, or standard error, any more. */
export function outputClosed(): Observable<unknown> {
  return merge(fromEvent(process.stdout, 'error'), fromEvent(process.stderr, 'error')).pipe(
    filter(isClosedPipe),
  );
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}
