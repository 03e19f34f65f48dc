import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { ReturnCode } from '../../lib/cellnet/index.js';
import type { CellRequest } from '../../lib/cellnet/cell-message.js';
import { SourceFailures } from '../../lib/cellnet/source-failures.js';

const HALF_AN_HOUR = 1_800_000;

describe('the failures of sources', () => {
  function setUp() {
    const scheduler = new VirtualTimeScheduler();
    const failures = new SourceFailures(scheduler);
    const tell = (fqcn: string, refIds: readonly string[]) => () =>
      failures.note({
        payload: { source_fqcn: fqcn, ref_ids: refIds, reason: 'it died' },
        origin: 'site-1',
        neighbour: 'site-1',
      } as unknown as CellRequest);
    return { scheduler, failures, tell };
  }

  it.each(['x'.repeat(2_000), 'a b', ''])(
    'are not told of a cell whose name cannot be: site-1.%.10s',
    (name) => {
      const { failures, tell } = setUp();
      expect(tell(`site-1.${name}`, ['r'])).toThrow(
        expect.objectContaining({ returnCode: ReturnCode.INVALID_REQUEST }) as Error,
      );
      expect(failures.size).toBe(0);
    },
  );

  it('are forgotten after half an hour', () => {
    const { scheduler, failures, tell } = setUp();
    tell('site-1.a', ['1', '2'])();
    scheduler.schedule(tell('site-1.a', ['1']), HALF_AN_HOUR / 2);
    scheduler.schedule(() => expect(failures.size).toBe(2), HALF_AN_HOUR / 2);
    scheduler.schedule(tell('site-1.b', ['3']), HALF_AN_HOUR);
    scheduler.flush();
    expect(failures.size).toBe(2);
  });
});
