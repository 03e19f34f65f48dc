import { fromEvent, merge, type Observable, take } from 'rxjs';

/** Emits once when the user or the system asks the program to end. */
export function endRequested(): Observable<unknown> {
  return merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')).pipe(take(1));
}
