import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import type { CellRequest } from '../../lib/cellnet/cell-message.js';
import { ReferenceKeeper } from '../../lib/cellnet/reference-keeper.js';
import { REFERENCE_DEFAULTS } from '../../lib/cellnet/reference-options.js';
import { NdArray } from '../../lib/fobs/index.js';

describe('arrays that are kept', () => {
  const setUp = () => {
    const options = { ...REFERENCE_DEFAULTS, sendFromBytes: 0 };
    const scheduler = new VirtualTimeScheduler();
    const keeper = new ReferenceKeeper('server', '', options, scheduler);
    const keep = (owner: string) => keeper.offer(owner).keep(NdArray.float32([1]));
    const ask = (refId: string | undefined) => () =>
      keeper.answer({ payload: { ref_id: refId }, origin: 'x' } as unknown as CellRequest);
    return { keeper, scheduler, keep, ask };
  };

  it('are none, and no timer goes on, once it has stopped', () => {
    const { keeper, scheduler, keep } = setUp();
    keep('site-1');
    keeper.stop();
    expect(keep('site-1')).toBeUndefined();
    expect(keeper.heldBytes).toBe(0);
    expect(scheduler.actions).toEqual([]);
  });

  it('are kept by a clock that never goes back', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const options = { ...REFERENCE_DEFAULTS, sendFromBytes: 0 };
    const keeper = new ReferenceKeeper('server', '', options, asyncScheduler);
    keeper.offer('site-1').keep(NdArray.float32([1]));
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(options.keepMs / 2);
    expect(keeper.heldBytes).toBeGreaterThan(0);
    vi.advanceTimersByTime(options.keepMs);
    expect(keeper.heldBytes).toBe(0);
  });

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
