import { filter, finalize, fromEvent, merge, NEVER, type Observable } from 'rxjs';

/** Emits when Enter is pressed on a terminal, and on SIGUSR2 where there are signals. */
export function linkRequested(): Observable<unknown> {
  return merge(enterPressed(), process.platform === 'win32' ? NEVER : fromEvent(process, 'SIGUSR2'));
}

function enterPressed(): Observable<unknown> {
  const { stdin } = process;
  if (!stdin.isTTY) return NEVER;
  return fromEvent(stdin, 'data', String).pipe(
    filter((keys) => /[\r\n]/.test(keys)),
    finalize(() => stdin.pause()),
  );
}
