import {
  concat,
  defer,
  finalize,
  from,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  switchMap,
} from 'rxjs';

import type { FlareSession } from '../flare/index.js';
import { ExitCode } from './exit-code.js';
import { type FlarePage, serveFlarePage } from './flare-dashboard-page.js';
import { type FlareOptions, withSession } from './flare-session.js';
import { linkRequested } from './link-requested.js';
import { type Output, Printer } from './printer.js';

/** The options of `rxflare flare dashboard`. */
export interface FlareDashboardOptions extends FlareOptions {
  readonly port: number;
  readonly host: string;
  readonly readOnly: boolean;
  readonly maxSize: number;
}

/** `rxflare flare dashboard`: serves the page of a federation, until a signal comes, or the session ends. */
export async function flareDashboardCommand(options: FlareDashboardOptions): Promise<void> {
  const printer = new Printer(options.json, { timed: true });
  const { port, host, readOnly: isReadOnly, maxSize: maxJobBytes } = options;
  await withSession(options, printer, (session) =>
    defer(() => {
      const serving = serveFlarePage(session, { port, host, isReadOnly, maxJobBytes });
      return from(serving).pipe(
        switchMap((page) => outputs(page, session)),
        // A signal may come before it serves.
        finalize(() => void serving.then((page) => page.close()).catch(() => undefined)),
      );
    }),
  );
  // It is there until it is ended: that is no failure.
  if (process.exitCode === ExitCode.INTERRUPTED || process.exitCode === ExitCode.TERMINATED)
    process.exitCode = ExitCode.OK;
}

/** The links that are asked for. Completes or errors when the session ends. */
function outputs(page: FlarePage, session: FlareSession): Observable<Output> {
  const link$ = merge(of(undefined), linkRequested()).pipe(
    map((): Output => ({ event: 'dashboard', url: page.newLink() })),
  );
  const warnings = page.isOpen ? [openWarning(page)] : [];
  return concat(warnings, merge(link$, whileUsable(session)));
}

function openWarning({ address }: FlarePage): Output {
  const text = `${address} can be reached from other machines, in the clear: who reads along can act as the user of the kit`;
  return { event: 'notice', message: `warning: ${text}` };
}

/** Emits nothing; errors when the server, or the certificate, ends the session. */
function whileUsable(session: FlareSession): Observable<never> {
  return session.state$.pipe(
    map((state) => {
      if (state.type === 'ended' && state.error !== undefined) throw state.error;
    }),
    ignoreElements(),
  );
}
