import { describe, expect, it, vi } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { FakeConnection } from '../support/fake-connection.js';

const reset = new CommError(CommErrorCode.CLOSED, 'reset');
const closed = expect.objectContaining({ code: CommErrorCode.CLOSED }) as Error;

describe('a connection', () => {
  it('is open until it is closed, and takes no frame from then on', async () => {
    const connection = new FakeConnection();
    connection.holdsClose = true;
    expect(connection.isOpen).toBe(true);
    const ended = connection.close();
    expect(connection.isOpen).toBe(false);
    expect(() => connection.send(new Uint8Array(16))).toThrow(closed);
    expect(() => connection.send(new Uint8Array(16))).toThrow(/^CN\d+ 127\.0\.0\.1:2000 is closed$/);
    connection.finish();
    await ended;
    expect(connection.isOpen).toBe(false);
    expect(() => connection.send(new Uint8Array(16))).toThrow(closed);
  });

  it('is not open after an error', () => {
    const connection = new FakeConnection();
    connection.finish(reset);
    expect(connection.isOpen).toBe(false);
  });

  it('shows no frame and no drain once it is closing', () => {
    const connection = new FakeConnection();
    connection.holdsClose = true;
    const seen: string[] = [];
    connection.frames$.subscribe(() => seen.push('frame'));
    connection.drained$.subscribe(() => seen.push('drained'));
    connection.fill();
    connection.send(new Uint8Array(16));
    void connection.close();
    connection.deliver(new Uint8Array(16));
    connection.drain();
    expect(seen).toEqual([]);
  });

  it('ends once, with the first reason, and is released once', async () => {
    let released = 0;
    class Counting extends FakeConnection {
      protected override release(): Promise<void> {
        released += 1;
        return Promise.resolve();
      }
    }
    const connection = new Counting();
    const errors: unknown[] = [];
    connection.closed$.subscribe({ error: (error: unknown) => errors.push(error) });
    connection.finish(reset);
    await connection.close(new CommError(CommErrorCode.TIMEOUT, 'late'));
    connection.finish();
    expect([errors, released]).toEqual([[reset], 1]);
  });

  it('is full from its high-water mark on, and drains at half of it, once', () => {
    const connection = new FakeConnection();
    expect(connection.highWaterMarkBytes).toBe(1_048_576);
    connection.highWaterMarkBytes = 1_000;
    let drained = 0;
    connection.drained$.subscribe(() => (drained += 1));
    const sends = [999, 1_000, 999].map((bytes) => {
      connection.bufferedBytes = bytes;
      return connection.send(new Uint8Array(16));
    });
    expect(sends).toEqual([true, false, false]);
    const drainedAt = [501, 500, 499].map((bytes) => {
      connection.bufferedBytes = bytes;
      connection.advance();
      return drained;
    });
    expect([drainedAt, connection.send(new Uint8Array(16))]).toEqual([[0, 1, 1], true]);
  });

  it('has the next name of the process, as NVFlare writes them', () => {
    const [first, second] = [new FakeConnection().name, new FakeConnection().name];
    expect(first).toMatch(/^CN\d{5}$/);
    expect(Number(second.slice(2))).toBe(Number(first.slice(2)) + 1);
  });

  it('notes each sign of life of its peer', () => {
    const connection = new FakeConnection();
    const before = connection.activity;
    connection.deliver(new Uint8Array(16));
    expect(connection.activity).toBeGreaterThan(before);
  });

  it('says of all that is buffered that it may have arrived, where it cannot tell', () => {
    const connection = new FakeConnection();
    [connection.bufferedFrames, connection.bufferedBytes] = [2, 30];
    expect([connection.unconfirmedFrames, connection.unconfirmedBytes]).toEqual([2, 30]);
  });

  it('takes a handshake as large as one can be from a stranger: a prefix and 65,535 bytes', () => {
    expect(new FakeConnection().maxFrameBytes).toBe(16 + 65_535);
  });
});

describe('a connection whose release fails', () => {
  class Unreleasable extends FakeConnection {
    protected override release(): Promise<void> {
      return Promise.reject(new Error('boom'));
    }
  }

  it.each([undefined, reset])('is closed all the same: %s', async (reason) => {
    const connection = new Unreleasable();
    await expect(connection.close(reason)).resolves.toBeUndefined();
    expect(connection.isOpen).toBe(false);
  });
});

describe('a connection that closes', () => {
  class Flushing extends FakeConnection {
    readonly calls: string[] = [];
    protected override readonly finishesInOrder = false;

    protected override startReading(): void {
      this.calls.push('start');
    }

    protected override resumeReading(): void {
      this.calls.push('resume');
    }

    protected override pauseReading(): void {
      this.calls.push('pause');
    }

    protected override finishWriting(): void {
      this.calls.push('finish');
      this.endAfter(1_000);
      this.endAfter(10);
    }

    /** What drivers ask. */
    get isAtItsEnd(): boolean {
      return this.isFinishing;
    }

    /** What they tell their peer. */
    get toldPeer(): string | undefined {
      return this.told;
    }
  }

  it('reads on, and says its end once everything is written', () => {
    const connection = new Flushing();
    connection.bufferedBytes = 2;
    void connection.close();
    connection.bufferedBytes = 1;
    connection.advance();
    expect([connection.calls, connection.isAtItsEnd]).toEqual([['resume'], false]);
    connection.drain();
    connection.drain();
    void connection.close();
    expect([connection.calls, connection.isAtItsEnd]).toEqual([['resume', 'finish'], true]);
    connection.finish();
    expect(connection.isAtItsEnd).toBe(false);
  });

  it('says its end at once where nothing is buffered, and ends when its time is over', async () => {
    vi.useFakeTimers();
    try {
      const connection = new Flushing();
      const closed = connection.close();
      vi.advanceTimersByTime(999);
      expect(connection.calls).toEqual(['resume', 'finish']);
      let isClosed = false;
      connection.closed$.subscribe({ complete: () => (isClosed = true) });
      expect(isClosed).toBe(false);
      vi.advanceTimersByTime(1);
      expect(isClosed).toBe(true);
      await closed;
    } finally {
      vi.useRealTimers();
    }
  });

  it('says its end to a peer that is refused, with what that may know, and ends with the reason', () => {
    const connection = new Flushing();
    const errors: unknown[] = [];
    connection.closed$.subscribe({ error: (error: unknown) => errors.push(error) });
    connection.bufferedBytes = 1;
    expect(connection.toldPeer).toBeUndefined();
    void connection.close(reset, 'no token');
    expect([connection.calls, connection.toldPeer, errors]).toEqual([['resume'], 'no token', []]);
    connection.drain();
    expect(connection.calls).toEqual(['resume', 'finish']);
    connection.finish();
    expect(errors).toEqual([reset]);
  });

  it('tells its peer nothing where there is no reason, and ends cleanly', () => {
    const connection = new Flushing();
    let isClean = false;
    connection.closed$.subscribe({ complete: () => (isClean = true) });
    void connection.close();
    connection.finish();
    expect([connection.toldPeer, isClean]).toEqual([undefined, true]);
  });

  it('tells its peer nothing where it ends at once', () => {
    const connection = new Flushing();
    void connection.close(reset);
    expect([connection.toldPeer, connection.calls, connection.isOpen]).toEqual([undefined, [], false]);
  });

  it('heeds no pause any more', () => {
    const connection = new FakeConnection();
    connection.holdsClose = true;
    connection.frames$.subscribe();
    void connection.close();
    connection.pause();
    connection.resume();
    expect([connection.pauses, connection.resumes]).toEqual([0, 1]);
    connection.finish();
  });

  it('reads once for all subscribers, and is paused as long as somebody pauses it', () => {
    const connection = new Flushing();
    const [one, other] = [{}, {}];
    connection.frames$.subscribe();
    connection.frames$.subscribe();
    expect(connection.calls).toEqual(['start']);
    connection.resume();
    connection.pause(one);
    expect(connection.calls).toEqual(['start', 'pause']);
    connection.pause(other);
    connection.resume(one);
    expect(connection.calls).toEqual(['start', 'pause']);
    connection.resume(other);
    connection.resume(other);
    expect(connection.calls).toEqual(['start', 'pause', 'resume']);
  });

  it('begins to read when it has a subscriber and nobody pauses it', () => {
    const connection = new Flushing();
    connection.pause();
    connection.frames$.subscribe();
    expect(connection.calls).toEqual([]);
    connection.resume();
    expect(connection.calls).toEqual(['start']);
    const other = new Flushing();
    other.pause();
    other.resume();
    expect(other.calls).toEqual([]);
  });
});

describe('the lifetime of a connection', () => {
  it('emits it and ends as it does', () => {
    const seen: unknown[] = [];
    const connection = new FakeConnection();
    connection
      .lifetime()
      .subscribe({ next: (made) => seen.push(made), error: (error: unknown) => seen.push(error) });
    expect(seen).toEqual([connection]);
    connection.finish(reset);
    expect(seen).toEqual([connection, reset]);
  });

  it('ends it at once when it is unsubscribed', () => {
    const connection = new FakeConnection();
    const errors: unknown[] = [];
    connection.closed$.subscribe({ error: (error: unknown) => errors.push(error) });
    connection.lifetime().subscribe().unsubscribe();
    expect(errors).toEqual([closed]);
  });
});
