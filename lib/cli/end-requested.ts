import { fromEvent, merge, type Observable, take } from 'rxjs';

import { outputClosed } from './output-closed.js';

/** Emits once: on SIGINT, on SIGTERM, or when nobody reads the output of the program any more. */
export function endRequested(): Observable<unknown> {
  return merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'), outputClosed()).pipe(take(1));
}
