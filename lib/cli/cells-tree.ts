import {
  catchError,
  concat,
  EMPTY,
  forkJoin,
  from,
  map,
  mergeMap,
  type Observable,
  of,
  switchMap,
  take,
  throwError,
  toArray,
} from 'rxjs';

import { type Cell, CellDiagnostics, CellError } from '../cellnet/index.js';
import { endpointNameFault } from '../endpoint.js';
import { quoted } from '../quoted.js';
import { askAsCell, type AskOptions } from './cells-ask.js';
import { type Output, Printer } from './printer.js';

/** How many cells are asked for their round trip, all at once: silent ones hold up no others. */
const MAX_ASKED = 1_000;
/** How many texts are shown that are no names. */
const MAX_TEXTS = 20;

/** What a question brought. */
interface Answer {
  readonly names: readonly string[];
  /** Where it failed. */
  readonly problem?: CellError;
}

/** `rxflare cells`: a cell, and those around and below it that it tells, with their round trips. */
export async function cellsCommand(url: string | undefined, given: AskOptions): Promise<void> {
  const printer = new Printer(given.json);
  await askAsCell(url, given, printer, 'cells', (cell, target) => tree(cell, target, given.timeout));
}

/**
 * The cells by name with their round trips, and what else the target says; within three times `timeoutMs`. Emits nothing of
 * the cells beyond the first 1,000, and says how many these are. Errors at its end with CellError where the target answered
 * no question.
 */
export function tree(cell: Cell, target: string, timeoutMs: number): Observable<Output> {
  const diagnostics = new CellDiagnostics(cell, { timeoutMs });
  const answers$ = forkJoin([
    answered(target, 'cells', diagnostics.cells(target)),
    answered(target, 'peers', diagnostics.peers(target)),
  ]);
  return answers$.pipe(
    switchMap((answers) => {
      const all = [...new Set([target, ...answers.flatMap(({ names }) => names)])];
      const names = all.filter((name) => endpointNameFault(name) === undefined && name !== cell.fqcn);
      // We answer no diagnostics, as the other end says.
      const own = `no reply from ${cell.fqcn}:`;
      const texts = all.filter((text) => endpointNameFault(text) !== undefined && !text.startsWith(own));
      const cells$ = from(names.slice(0, MAX_ASKED)).pipe(
        mergeMap((name) => roundTrip(diagnostics, name)),
        toArray(),
        mergeMap((outputs) => outputs.sort((one, other) => byPlace(one.name, other.name))),
      );
      const messages = [
        ...answers.flatMap(({ problem }) => problem?.message ?? []),
        ...texts.slice(0, MAX_TEXTS).map((text) => `${target} says: ${quoted(text)}`),
        ...leftOut(target, texts.length - MAX_TEXTS, 'texts, which are no names'),
        ...leftOut(target, names.length - MAX_ASKED, 'cells, which are not asked'),
      ];
      const notice$ = from(messages).pipe(map((message): Output => ({ event: 'notice', message })));
      return concat(cells$, notice$, silence(target, answers));
    }),
  );
}

/** An error where no question was answered: then what is shown is not who is there. */
function silence(target: string, answers: readonly Answer[]): Observable<never> {
  const [first] = answers.map(({ problem }) => problem);
  if (first === undefined || answers.some(({ problem }) => problem === undefined)) return EMPTY;
  const text = `${target} does not tell who is there: a cell of rxflare answers with --diagnostics of rxflare serve`;
  return throwError(() => new CellError(first.returnCode, text, target));
}

function answered(
  target: string,
  question: string,
  names$: Observable<readonly string[]>,
): Observable<Answer> {
  return names$.pipe(
    map((names): Answer => ({ names })),
    catchError((error: unknown) => {
      if (!(error instanceof CellError)) throw error;
      const text = `${target} does not tell its ${question}: ${error.returnCode}`;
      return of({ names: [], problem: new CellError(error.returnCode, text, target) });
    }),
  );
}

function leftOut(target: string, count: number, what: string): string[] {
  return count > 0 ? [`${target} tells of ${count} more ${what}`] : [];
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
