import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../../lib/comm-error.js';
import { InProcessConnection } from '../../../lib/drivers/in-process/in-process-connection.js';

const FRAME_BYTES = 20;

/** Two ends in virtual time. What `b` gets is noted by its first byte, after `reacting` to it. */
function setUp({ latencyMs = 0, reacting = (): void => undefined, isHeard = true } = {}) {
  const scheduler = new VirtualTimeScheduler();
  const [a, b] = InProcessConnection.pair('inproc://x#active', 'inproc://x', { latencyMs, scheduler });
  const seen: unknown[] = [];
  const ends: string[] = [];
  a.closed$.subscribe({ complete: () => ends.push('a'), error: () => ends.push('a failed') });
  b.closed$.subscribe({ complete: () => ends.push('b'), error: () => ends.push('b failed') });
  a.frames$.subscribe({ error: () => undefined });
  const hear = () =>
    b.frames$.subscribe({
      next: (frame) => {
        seen.push(frame[0]);
        reacting();
      },
      error: () => undefined,
    });
  if (isHeard) hear();
  const send = (...bytes: number[]) => {
    for (const byte of bytes) a.send(new Uint8Array(FRAME_BYTES).fill(byte));
  };
  const buffered = () => [a.bufferedFrames, a.bufferedBytes];
  return { scheduler, a, b, seen, ends, send, hear, buffered };
}

const reset = new CommError(CommErrorCode.CLOSED, 'reset');

describe('a receiver that pauses and resumes while it is called', () => {
  it('gets each frame once, in order, and all of them are counted off', () => {
    const { scheduler, b, seen, send, buffered } = setUp({
      reacting: () => {
        b.pause();
        b.resume();
      },
    });
    send(1, 2, 3);
    scheduler.flush();
    expect(seen).toEqual([1, 2, 3]);
    expect(buffered()).toEqual([0, 0]);
    send(4);
    scheduler.flush();
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('is never called while it is called, however many frames there are', () => {
    let calls = 0;
    let deepest = 0;
    const { scheduler, a, b } = setUp({ isHeard: false });
    b.frames$.subscribe(() => {
      calls += 1;
      deepest = Math.max(deepest, calls);
      b.pause();
      b.resume();
      calls -= 1;
    });
    for (let count = 0; count < 20_000; count += 1) a.send(new Uint8Array(FRAME_BYTES));
    scheduler.flush();
    expect([deepest, a.bufferedFrames]).toEqual([1, 0]);
  });

  it('gets what is sent to it meanwhile, behind what was under way', () => {
    let next = 10;
    const { scheduler, b, seen, send } = setUp({
      reacting: () => {
        b.pause();
        if (next < 13) send((next += 1));
        b.resume();
      },
    });
    send(1, 2);
    scheduler.flush();
    expect(seen).toEqual([1, 2, 11, 12, 13]);
  });

  it('and stays paused gets no more, and the rest when it resumes', () => {
    const { scheduler, b, seen, send, buffered } = setUp({ reacting: () => b.pause() });
    send(1, 2, 3);
    scheduler.flush();
    expect([seen, buffered()]).toEqual([[1], [2, 2 * FRAME_BYTES]]);
    b.resume();
    scheduler.flush();
    expect([seen, buffered()]).toEqual([
      [1, 2],
      [1, FRAME_BYTES],
    ]);
    send(4);
    b.resume();
    b.resume();
    scheduler.flush();
    b.resume();
    scheduler.flush();
    expect([seen, buffered()]).toEqual([
      [1, 2, 3, 4],
      [0, 0],
    ]);
  });

  it('does not shorten the way of frames that are still on it', () => {
    const { scheduler, b, seen, send } = setUp({ latencyMs: 10 });
    send(1);
    b.pause();
    b.resume();
    scheduler.maxFrames = 9;
    scheduler.flush();
    expect(seen).toEqual([]);
    scheduler.maxFrames = 10;
    scheduler.flush();
    expect(seen).toEqual([1]);
  });
});

describe('a resume', () => {
  it('calls no receiver before it returns', () => {
    const { scheduler, b, seen, send } = setUp();
    b.pause();
    send(1);
    scheduler.flush();
    b.resume();
    expect(seen).toEqual([]);
    scheduler.flush();
    expect(seen).toEqual([1]);
  });
});

describe('frames in flight', () => {
  it('are counted by the side that sent them until the other side has taken them', () => {
    const { scheduler, b, send, buffered } = setUp({ latencyMs: 10 });
    send(1, 2);
    expect(buffered()).toEqual([2, 2 * FRAME_BYTES]);
    expect([b.bufferedFrames, b.bufferedBytes]).toEqual([0, 0]);
    scheduler.flush();
    expect(buffered()).toEqual([0, 0]);
  });

  it('arrive each after its own latency', () => {
    const { scheduler, seen, send } = setUp({ latencyMs: 10 });
    send(1);
    scheduler.schedule(() => send(2, 3), 5);
    const seenAt = (time: number) => {
      scheduler.maxFrames = time;
      scheduler.flush();
      return [...seen];
    };
    expect([9, 10, 14, 15].map(seenAt)).toEqual([[], [1], [1], [1, 2, 3]]);
  });

  it('of an end that closes in good order are delivered before both are closed', () => {
    const { scheduler, a, seen, ends, send, buffered } = setUp({ latencyMs: 10 });
    send(1, 2);
    void a.close();
    expect(ends).toEqual([]);
    scheduler.flush();
    expect([seen, ends.toSorted()]).toEqual([
      [1, 2],
      ['a', 'b'],
    ]);
    expect(buffered()).toEqual([0, 0]);
  });

  it('of an end that closes for a reason are still delivered, and the other side ends behind them', () => {
    const { scheduler, a, seen, ends, send, buffered } = setUp({ latencyMs: 10 });
    send(1, 2);
    void a.close(reset);
    expect(buffered()).toEqual([2, 2 * FRAME_BYTES]);
    expect(ends).toEqual(['a failed']);
    scheduler.flush();
    expect([seen, ends]).toEqual([
      [1, 2],
      ['a failed', 'b'],
    ]);
  });

  it('to an end that closes are never delivered, and stay counted after both have ended', () => {
    const { scheduler, b, seen, ends, send, buffered } = setUp({ latencyMs: 10 });
    send(1, 2);
    void b.close(reset);
    scheduler.flush();
    expect(seen).toEqual([]);
    expect(ends.toSorted()).toEqual(['a', 'b failed']);
    expect(buffered()).toEqual([2, 2 * FRAME_BYTES]);
  });

  it('behind the one at which the other side closes are never delivered, and stay counted', () => {
    const { scheduler, b, seen, send, buffered } = setUp({ reacting: () => void b.close(reset) });
    send(1, 2, 3);
    scheduler.flush();
    expect(seen).toEqual([1]);
    expect(buffered()).toEqual([2, 2 * FRAME_BYTES]);
  });

  it('behind one that is too large are never delivered, and stay counted', () => {
    const { scheduler, a, b, seen, ends, send, buffered } = setUp();
    b.maxFrameBytes = FRAME_BYTES;
    send(1);
    a.send(new Uint8Array(FRAME_BYTES + 1).fill(2));
    send(3, 4);
    scheduler.flush();
    expect(seen).toEqual([1]);
    expect(ends.toSorted()).toEqual(['a', 'b failed']);
    expect(buffered()).toEqual([2, 2 * FRAME_BYTES]);
  });

  it('wait for the one who listens late', () => {
    const { scheduler, seen, send, hear, buffered } = setUp({ isHeard: false });
    send(1, 2);
    scheduler.flush();
    expect(buffered()).toEqual([2, 2 * FRAME_BYTES]);
    hear();
    scheduler.flush();
    expect([seen, buffered()]).toEqual([
      [1, 2],
      [0, 0],
    ]);
  });
});

describe('an end whose other side pauses', () => {
  it('is full from the high-water mark on, and drained when half of it is taken', () => {
    const { scheduler, a, b, send } = setUp();
    a.highWaterMarkBytes = 3 * FRAME_BYTES;
    let drained = 0;
    a.drained$.subscribe(() => (drained += 1));
    b.pause();
    send(1, 2);
    expect(a.send(new Uint8Array(FRAME_BYTES))).toBe(false);
    scheduler.flush();
    expect(drained).toBe(0);
    b.resume();
    scheduler.flush();
    expect(drained).toBe(1);
    expect(a.send(new Uint8Array(FRAME_BYTES))).toBe(true);
    scheduler.flush();
  });
});
