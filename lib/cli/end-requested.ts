import { fromEvent, map, merge, type Observable, take, tap } from 'rxjs';

import { ExitCode } from './exit-code.js';
import { isClosedPipe } from './output-failure.js';

/**
 * Emits once: on SIGINT, on SIGTERM, or when an output of the program fails. The value is the exit code of a command
 * that has no result by then; `OK` where nobody reads its output any more.
 */
export function endRequested(): Observable<ExitCode> {
  const outputFailed$ = merge(fromEvent(process.stdout, 'error'), fromEvent(process.stderr, 'error'));
  return merge(
    fromEvent(process, 'SIGINT').pipe(map(() => ExitCode.INTERRUPTED)),
    fromEvent(process, 'SIGTERM').pipe(map(() => ExitCode.TERMINATED)),
    outputFailed$.pipe(map((error) => (isClosedPipe(error) ? ExitCode.OK : ExitCode.FAILED))),
  ).pipe(take(1));
}

/** As {@link endRequested}, for a command that is there for its result: sets the exit code when it emits. */
export function interrupted(): Observable<ExitCode> {
  return endRequested().pipe(
    tap((exitCode) => {
      if (exitCode !== ExitCode.OK) process.exitCode = exitCode;
    }),
  );
}
