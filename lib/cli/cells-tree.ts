import {
  catchError,
  concat,
  from,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  switchMap,
  take,
  toArray,
} from 'rxjs';

import { type Cell, CellDiagnostics, CellError } from '../cellnet/index.js';
import { endpointNameFault } from '../endpoint.js';
import { askAsCell, type AskOptions } from './cells-ask.js';
import { type Output, Printer } from './printer.js';

/** How many cells are asked for their round trip at a time. */
const CONCURRENT = 16;

/** `rxflare cells`: a cell, and those around and below it that it tells, with their round trips. */
export async function cellsCommand(url: string | undefined, given: AskOptions): Promise<void> {
  const printer = new Printer(given.json);
  await askAsCell(url, given, printer, 'cells', (cell, target) => tree(cell, target, given.timeout));
}

/** The cells by name, and what did not answer. */
function tree(cell: Cell, target: string, timeoutMs: number): Observable<Output> {
  const diagnostics = new CellDiagnostics(cell, { timeoutMs });
  const told = (names$: Observable<readonly string[]>) => names$.pipe(catchError(() => of<string[]>([])));
  return merge(told(diagnostics.cells(target)), told(diagnostics.peers(target))).pipe(
    toArray(),
    switchMap((lists) => {
      const all = [...new Set([target, ...lists.flat()])];
      const names = all.filter((name) => endpointNameFault(name) === undefined && name !== cell.fqcn);
      // We answer no diagnostics, as the other end says.
      const own = `no reply from ${cell.fqcn}:`;
      const faults = all.filter((text) => endpointNameFault(text) !== undefined && !text.startsWith(own));
      const cells$ = from(names.sort(byPlace)).pipe(
        mergeMap((name) => roundTrip(diagnostics, name), CONCURRENT),
        toArray(),
        mergeMap((outputs) => outputs.sort((one, other) => byPlace(one.name, other.name))),
      );
      const faults$ = from(faults.sort()).pipe(map((message): Output => ({ event: 'notice', message })));
      return concat(cells$, faults$);
    }),
  );
}

function roundTrip(
  diagnostics: CellDiagnostics,
  name: string,
): Observable<Extract<Output, { event: 'cell' }>> {
  const place = { event: 'cell', name, depth: depthOf(name) } as const;
  return diagnostics.echo(name).pipe(
    take(1),
    map((rttMs) => ({ ...place, rttMs })),
    catchError((error: unknown) => {
      if (!(error instanceof CellError)) throw error;
      return of({ ...place, rttMs: null, returnCode: error.returnCode });
    }),
  );
}

/** Families of clients stand below the server. */
function depthOf(name: string): number {
  return name.split('.').length - (isOfServer(name) ? 1 : 0);
}

function isOfServer(name: string): boolean {
  return name === 'server' || name.startsWith('server.');
}

/** The server's family first, then each by its names, so that children follow their parent. */
function byPlace(one: string, other: string): number {
  if (isOfServer(one) !== isOfServer(other)) return isOfServer(one) ? -1 : 1;
  const [ones, others] = [one.split('.'), other.split('.')];
  const at = ones.findIndex((part, index) => part !== others[index]);
  if (at === -1) return -1;
  const [part, otherPart] = [ones[at], others[at]];
  return part === undefined || otherPart === undefined
    ? 1
    : part.localeCompare(otherPart, 'en', { numeric: true });
}
