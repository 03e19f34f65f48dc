import { from, type Observable, switchMap, takeUntil } from 'rxjs';

import { connectSession, type FlareSession } from '../flare/index.js';
import { interrupted } from './end-requested.js';
import { printFlareFailure } from './flare-failure.js';
import type { Output, Printer } from './printer.js';

/** What all commands of `rxflare flare` have. */
export interface FlareOptions {
  /** The folder of a startup kit. */
  readonly kit: string;
  readonly study: string;
  /** The most for the login, and for what sites answer, in milliseconds. */
  readonly timeout: number;
  readonly json: boolean;
}

/**
 * Logs in, does its work, prints what that emits, and logs out. Sets the exit code where something fails, or a signal comes first.
 *
 * @param work - what it emits is printed
 */
export async function withSession(
  { kit, study, timeout }: FlareOptions,
  printer: Printer,
  work: (session: FlareSession) => Observable<Output>,
): Promise<void> {
  const login = new AbortController();
  const options = { study, connectTimeoutMs: timeout, commandTimeoutMs: timeout };
  const connecting = connectSession(kit, options, login.signal);
  const done$ = from(connecting).pipe(
    switchMap((session) => {
      for (const warning of session.warnings)
        printer.print({ event: 'notice', message: `warning: ${warning}` });
      return work(session);
    }),
    takeUntil(interrupted()),
  );
  try {
    await done$.forEach((output) => printer.print(output));
  } catch (error) {
    printFlareFailure(printer, error);
  } finally {
    // A signal may come before the login has ended.
    login.abort();
    await connecting.then(
      (session) => session.close(),
      () => undefined,
    );
  }
}
