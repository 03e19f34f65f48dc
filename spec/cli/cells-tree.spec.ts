import { catchError, map, type Observable, of, switchMap, timer, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { tree } from '../../lib/cli/cells-tree.js';
import type { Output } from '../../lib/cli/printer.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** What `rxflare cells` prints, and when, where a server answers `cells` so, and nothing else. */
function shown(cells?: readonly string[]) {
  const told: string[] = [];
  marbles((scheduler, { flush }) => {
    const network = new VirtualNetwork(scheduler);
    network.join('asker', 'server', 'j');
    const cell = (name: string) => new Cell(network.communicator(name), { scheduler });
    const [server, asker] = [cell('server'), cell('asker')];
    if (cells !== undefined) server.handle('_net_manager', 'cells', () => [...cells]);
    const line$: Observable<string[]> = timer(10).pipe(
      switchMap(() => tree(asker, 'server', 100)),
      map(textOf),
      catchError((error: unknown) => of(String(error))),
      toArray(),
    );
    line$.subscribe((lines) => told.push(`at ${scheduler.now()}`, ...lines));
    flush();
  });
  return told;
}

function textOf(output: Output): string {
  if (output.event === 'cell') return `${output.name} ${output.returnCode}`;
  return output.event === 'notice' ? output.message : output.event;
}

describe('the tree of cells', () => {
  it('says which question failed', () => {
    expect(shown()).toEqual([
      'at 10',
      'server process_exception',
      'server does not tell its cells: process_exception',
      'server does not tell its peers: process_exception',
      'CellError: server does not tell who is there: a cell of rxflare answers with --diagnostics of rxflare serve',
    ]);
  });

  it('quotes and cuts what is no name, says who said it, and shows twenty of these', () => {
    const texts = ['rxflare: [OK] all is\nwell', 'x!'.repeat(100_000)];
    const more = Array.from({ length: 30 }, (_, number) => `no name ${number}`);
    const lines = shown([...texts, ...more]).filter((line) => !line.includes('process_exception'));
    expect(lines.slice(1, 3)).toEqual([
      String.raw`server says: "rxflare: [OK] all is\nwell"`,
      `server says: "${'x!'.repeat(50)}..."`,
    ]);
    expect(lines.filter((line) => line.includes(' says: '))).toHaveLength(20);
    expect(lines.at(-1)).toBe('server tells of 12 more texts, which are no names');
  });

  it('asks a thousand cells, and ends in time where nobody answers', () => {
    const names = Array.from({ length: 20_000 }, (_, number) => `server.job-${number}`);
    const lines = shown(names);
    expect(lines.filter((line) => /^server(\.job-\d+)? /.test(line) && !line.includes(' tell'))).toHaveLength(
      1_000,
    );
    expect(lines[1]).toBe('server process_exception');
    expect(lines.at(-1)).toBe('server tells of 19001 more cells, which are not asked');
    expect(Number(lines[0]?.slice(3))).toBeLessThanOrEqual(310);
  });
});
