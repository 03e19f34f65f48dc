import { afterAll, beforeAll, describe, inject, it } from 'vitest';

import { type CellCase, CellNet } from './cell-net.js';
import { CELL_ROWS } from './cell-rows.js';
import { STREAM_ROWS } from './cell-stream-rows.js';
import { recordResults, type ResultRow } from './results.js';
import { CELL_VERSIONS } from './set-up.js';

const SERVERS = ['Python', 'TypeScript'] as const;
const ROWS = [...CELL_ROWS, ...STREAM_ROWS];

/**
 * Proves cells over a transport against real NVFlare cells: every version, and the server in either language.
 *
 * @param more - versions beside those that every transport is proved against
 */
export function cellSuite(scheme: string, ...more: readonly string[]): void {
  const cases = [...CELL_VERSIONS, ...more].flatMap((version) =>
    SERVERS.map((server): CellCase => ({ version, scheme, server })),
  );
  const rows: ResultRow[] = [];
  afterAll(() => recordResults('Cells with real NVFlare', rows));
  describe.skipIf(inject('interopObstacle') !== '').each(cases)(
    'cells of NVFlare $version over $scheme, the server in $server',
    (facts) => {
      const proved: Record<string, string> = {};
      rows.push({ facts: { nvflare: facts.version, transport: scheme, server: facts.server }, proved });
      let net: CellNet;
      beforeAll(async () => {
        net = await CellNet.start(facts);
      });
      afterAll(() => net.stop());

      it.each(ROWS)('$title', async ({ column, lacks, expectIt }) => {
        await expectIt(net);
        net.expectNoFault();
        proved[column] = lacks?.(facts) ?? '';
      });
    },
  );
}
