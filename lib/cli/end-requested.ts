import { fromEvent, merge, type Observable, take } from 'rxjs';

import { outputClosed } from './output-closed.js';

/** Emits once when the user or the system asks the program to end, or when nobody reads its output any more. */
export function endRequested(): Observable<unknown> {
  return merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'), outputClosed()).pipe(take(1));
}
