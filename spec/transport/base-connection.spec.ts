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

    protected override finishWriting(): void {
      this.calls.push('finish');
      this.endAfter(1_000);
    }
  }

  it('reads on, and says its end once everything is written', () => {
    const connection = new Flushing();
    connection.bufferedBytes = 2;
    void connection.close();
    connection.bufferedBytes = 1;
    connection.drain();
    connection.drain();
    expect(connection.calls).toEqual(['resume', 'finish']);
    connection.finish();
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
