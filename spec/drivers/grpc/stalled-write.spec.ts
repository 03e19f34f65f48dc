import { Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { watchWrites } from '../../../lib/drivers/grpc/stalled-write.js';

describe('watchWrites', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('reads from the socket as long as a write is on its way, and no longer', () => {
    const readStart = vi.fn(() => 0);
    const socket = Object.assign(new Socket(), { _handle: { readStart } });
    let isWriting = true;
    const looking = watchWrites(socket, () => isWriting);
    vi.advanceTimersByTime(30);
    expect(readStart).toHaveBeenCalledTimes(3);
    isWriting = false;
    vi.advanceTimersByTime(30);
    expect(readStart).toHaveBeenCalledTimes(3);
    expect(looking.closed).toBe(true);
  });

  it('lets a socket alone that is closed already', () => {
    const looking = watchWrites(new Socket(), () => true);
    vi.advanceTimersByTime(10);
    expect(looking.closed).toBe(false);
    looking.unsubscribe();
    expect(vi.getTimerCount()).toBe(0);
  });
});
