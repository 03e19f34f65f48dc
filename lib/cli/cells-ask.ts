import { firstValueFrom, type Observable, switchMap, takeUntil } from 'rxjs';

import { Cell } from '../cellnet/index.js';
import { Endpoint } from '../endpoint.js';
import { Communicator } from '../index.js';
import { Mode } from '../transport/driver.js';
import { printCellFailure } from './cells-failure.js';
import type { CellCommandOptions } from './cells-options.js';
import { interrupted } from './end-requested.js';
import { examine } from './examine.js';
import { completeFromKit } from './kit-options.js';
import type { Output, Printer } from './printer.js';
import { newName } from './reach.js';
import { asksForTls, tlsResources } from './tls-options.js';
import { NotReadyError, whenReady } from './when-ready.js';

/** What a command that asks another cell has. */
export interface AskOptions extends CellCommandOptions {
  /** The cell that is asked. Default: the one at the other end of the connection. */
  readonly to?: string;
  /** The most that each step may take, in milliseconds. */
  readonly timeout: number;
}

/**
 * Connects as a cell, does its work, prints what that emits, and leaves. Sets the exit code where something fails.
 *
 * @param command - its own name begins with that, where it has none
 * @param work - given our cell and the name of the cell to ask
 */
export async function askAsCell(
  given: string | undefined,
  asked: AskOptions,
  printer: Printer,
  command: string,
  work: (cell: Cell, target: string) => Observable<Output>,
): Promise<void> {
  const { url, options, identityMap } = completeFromKit(given, asked, printer);
  const name = options.name ?? newName(command, options.cert);
  const local = new Endpoint(name, { ...options.property, fqcn: name });
  const site = new Communicator(local, { identityMap });
  site.addConnector(url, Mode.ACTIVE, asksForTls(options), tlsResources(options, 'client'));
  const cell = new Cell(site, { dialect: options.dialect, requestTimeoutMs: options.timeout });
  const done$ = whenReady(site, { timeout: options.timeout }).pipe(
    switchMap((neighbour) => work(cell, options.to ?? neighbour.name)),
    takeUntil(interrupted()),
  );
  try {
    const done = done$.forEach((output) => printer.print(output));
    await Promise.all([done, site.start()]);
    await cell.close();
    await site.stop();
  } catch (error) {
    await site.stop();
    if (!(error instanceof NotReadyError)) {
      printCellFailure(printer, error);
      return;
    }
    await firstValueFrom(examine({ url, local, options, identityMap, error }, printer), {
      defaultValue: undefined,
    });
  }
}
