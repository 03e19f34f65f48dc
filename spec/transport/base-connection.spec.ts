import { describe, expect, it } from 'vitest';

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
