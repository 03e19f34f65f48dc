import { filter, fromEvent, merge, type Observable, take } from 'rxjs';

import { isClosedPipe } from './output-closed.js';

/** Emits once: on SIGINT, on SIGTERM, or when nobody reads the output of the program any more. */
export function endRequested(): Observable<unknown> {
  const outputClosed$ = merge(fromEvent(process.stdout, 'error'), fromEvent(process.stderr, 'error')).pipe(
    filter(isClosedPipe),
  );
  return merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'), outputClosed$).pipe(take(1));
}
