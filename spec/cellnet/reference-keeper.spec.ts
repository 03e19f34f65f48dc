import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { CellRequest } from '../../lib/cellnet/cell-message.js';
import { ReferenceKeeper } from '../../lib/cellnet/reference-keeper.js';
import { REFERENCE_DEFAULTS } from '../../lib/cellnet/reference-options.js';
import { NdArray } from '../../lib/fobs/index.js';

describe('arrays that are kept', () => {
  const setUp = () => {
    const options = { ...REFERENCE_DEFAULTS, sendFromBytes: 0 };
    const keeper = new ReferenceKeeper('server', '', options, new VirtualTimeScheduler());
    const keep = (owner: string) => keeper.offer(owner).keep(NdArray.float32([1]));
    const ask = (refId: string | undefined) => () =>
      keeper.answer({ payload: { ref_id: refId }, origin: 'x' } as unknown as CellRequest);
    return { keeper, keep, ask };
  };

  it('for one neighbour stay, however many are kept for another, which so evicts its own', () => {
    const { keeper, keep, ask } = setUp();
    const kept = keep('site-1');
    const oldest = keep('site-2');
    const once = keeper.heldBytes;
    for (let count = 0; count < 11_000; count += 1) keep('site-2');
    expect(ask(kept?.refId)()).toMatchObject({ status: 'ok' });
    const reason = expect.stringContaining('nothing is kept under the reference') as string;
    expect(ask(oldest?.refId)).toThrow(expect.objectContaining({ reason }) as Error);
    expect(keeper.heldBytes).toBe((once / 2) * 1_001);
  });
});
