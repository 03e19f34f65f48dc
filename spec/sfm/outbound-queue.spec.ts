import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { OutboundQueue } from '../../lib/sfm/outbound-queue.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { FakeConnection, sessionOn } from '../support/fake-connection.js';

/** What `push` costs while it waits: 26 bytes, and 128 of overhead. */
const WAITING_BYTES = 26 + 128;
const HIGH_WATER_MARK = 4 * WAITING_BYTES;

const reset = new CommError(CommErrorCode.CLOSED, 'reset');

/** A queue, a connection it can be opened on, and a note of its signals. */
function setUp() {
  const queue = new OutboundQueue(HIGH_WATER_MARK, () => 0);
  const signals: string[] = [];
  queue.drained$.subscribe(() => signals.push('drained'));
  queue.emptied$.subscribe(() => signals.push('emptied'));
  const connection = new FakeConnection();
  return { queue, signals, connection, session: sessionOn(connection) };
}

/** Frames of 26 bytes that are told apart by their stream ID. */
function push(queue: OutboundQueue, streamId: number): void {
  const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId }, 10);
  queue.push({ head, payload: new Uint8Array(10) });
}

function sentOn(connection: FakeConnection): number[] {
  return connection.frames.map(({ streamId }) => streamId);
}

describe('a queue without a session', () => {
  it('keeps frames in order, each in memory of its own, and writes them when it is opened', () => {
    const { queue, signals, connection, session } = setUp();
    for (const streamId of [1, 2, 3]) push(queue, streamId);
    expect(queue.content).toEqual({ messages: 3, bytes: 78 });
    expect(queue.queuedBytes).toBe(3 * WAITING_BYTES);
    queue.open(session);
    expect(sentOn(connection)).toEqual([1, 2, 3]);
    expect(queue.content).toEqual({ messages: 0, bytes: 0 });
    expect(signals).toEqual(['emptied']);
  });

  it('is full from the high-water mark on, and tells when it no longer is', () => {
    const { queue, signals, session } = setUp();
    const fullness = [1, 2, 3, 4].map((streamId) => {
      push(queue, streamId);
      return queue.isFull;
    });
    expect(fullness).toEqual([false, false, false, true]);
    queue.open(session);
    expect(queue.isFull).toBe(false);
    expect(signals).toEqual(['emptied', 'drained']);
  });

  it('forgets everything when cleared, and tells how much that was', () => {
    const { queue, signals, connection, session } = setUp();
    for (const streamId of [1, 2, 3, 4]) push(queue, streamId);
    expect(queue.clear()).toEqual({ messages: 4, bytes: 104 });
    expect(queue.clear()).toEqual({ messages: 0, bytes: 0 });
    expect([queue.isFull, queue.queuedBytes]).toEqual([false, 0]);
    expect(signals).toContain('emptied');
    queue.open(session);
    expect(connection.sent).toEqual([]);
  });
});

describe('a queue on an open connection', () => {
  it('passes frames straight through', () => {
    const { queue, connection, session } = setUp();
    queue.open(session);
    push(queue, 1);
    expect(sentOn(connection)).toEqual([1]);
    expect([queue.isFull, queue.content.messages]).toEqual([false, 0]);
  });

  it('counts what the connection has not written yet', () => {
    const { queue, connection, session } = setUp();
    queue.open(session);
    connection.bufferedBytes = 500;
    expect(queue.queuedBytes).toBe(500);
  });

  it('keeps frames back while the connection is full, and goes on in order when it is drained', () => {
    const { queue, signals, connection, session } = setUp();
    queue.open(session);
    connection.fill();
    push(queue, 1);
    expect(queue.isFull).toBe(true);
    push(queue, 2);
    push(queue, 3);
    expect(sentOn(connection)).toEqual([1]);
    expect(queue.content.messages).toBe(2);
    connection.drain();
    push(queue, 4);
    expect(sentOn(connection)).toEqual([1, 2, 3, 4]);
    expect(signals.filter((signal) => signal === 'drained')).toHaveLength(1);
  });

  it('stops again in the middle when the connection becomes full again', () => {
    const { queue, signals, connection, session } = setUp();
    queue.open(session);
    connection.fill();
    for (const streamId of [1, 2, 3, 4]) push(queue, streamId);
    connection.fillsAfter = 2;
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3]);
    expect([queue.isFull, signals.includes('drained')]).toEqual([true, false]);
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3, 4]);
    expect([queue.isFull, signals.includes('drained')]).toEqual([false, true]);
  });

  it('lets one who waited for drained push at once, without a frame out of order', () => {
    const { queue, connection, session } = setUp();
    queue.open(session);
    connection.fill();
    push(queue, 1);
    push(queue, 2);
    queue.drained$.subscribe(() => push(queue, 3));
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3]);
  });

  it('keeps the order over many rounds of full and drained', () => {
    const { queue, connection, session } = setUp();
    queue.open(session);
    for (let streamId = 0; streamId < 1_000; streamId += 1) {
      if (streamId % 7 !== 0) connection.fill();
      push(queue, streamId);
      if (streamId % 13 === 0) connection.drain();
    }
    connection.drain();
    expect(sentOn(connection)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    expect(queue.content).toEqual({ messages: 0, bytes: 0 });
  });
});

describe('a queue between two connections', () => {
  it('writes to the newer one what the older one did not get', () => {
    const { queue, connection, session } = setUp();
    queue.open(session);
    push(queue, 1);
    queue.suspend();
    push(queue, 2);
    const newer = new FakeConnection();
    queue.open(sessionOn(newer));
    push(queue, 3);
    expect(sentOn(connection)).toEqual([1]);
    expect(sentOn(newer)).toEqual([2, 3]);
  });

  it('hears nothing more of the older one', () => {
    const { queue, connection, session } = setUp();
    queue.open(session);
    const newer = new FakeConnection();
    newer.fill();
    queue.open(sessionOn(newer));
    push(queue, 1);
    push(queue, 2);
    connection.drain();
    expect(sentOn(newer)).toEqual([1]);
  });

  it('that was full, and got more meanwhile, tells once when the newer one takes frames', () => {
    const { queue, signals, connection, session } = setUp();
    queue.open(session);
    connection.fill();
    push(queue, 1);
    queue.suspend();
    push(queue, 2);
    expect(queue.isFull).toBe(true);
    const newer = new FakeConnection();
    queue.open(sessionOn(newer));
    expect([queue.isFull, sentOn(newer)]).toEqual([false, [2]]);
    expect(signals.filter((signal) => signal === 'drained')).toHaveLength(1);
  });

  it('that was full tells when the newer one takes frames', () => {
    const { queue, signals, connection, session } = setUp();
    queue.open(session);
    connection.fill();
    push(queue, 1);
    queue.suspend();
    expect(queue.isFull).toBe(true);
    queue.open(sessionOn(new FakeConnection()));
    expect(queue.isFull).toBe(false);
    expect(signals).toContain('drained');
  });
});

describe('a queue on a connection that takes no more frames', () => {
  it.each([
    ['has ended', (connection: FakeConnection) => connection.finish(reset)],
    [
      'is closing',
      (connection: FakeConnection) => {
        connection.holdsClose = true;
        void connection.close();
      },
    ],
  ])('because it %s keeps them for the next one, and is full at the high-water mark', (_, end) => {
    const { queue, connection, session } = setUp();
    queue.open(session);
    end(connection);
    const fullness = [1, 2, 3, 4].map((streamId) => {
      push(queue, streamId);
      return queue.isFull;
    });
    expect(fullness).toEqual([false, false, false, true]);
    expect(connection.sent).toEqual([]);
    const newer = new FakeConnection();
    queue.open(sessionOn(newer));
    expect(sentOn(newer)).toEqual([1, 2, 3, 4]);
  });

  it('because it ends in the middle of what waits keeps the rest for the next one', () => {
    const { queue, connection, session } = setUp();
    for (const streamId of [1, 2, 3]) push(queue, streamId);
    connection.endsAfter = 1;
    queue.open(session);
    expect(sentOn(connection)).toEqual([1]);
    expect(queue.content.messages).toBe(2);
    const newer = new FakeConnection();
    queue.open(sessionOn(newer));
    expect(sentOn(newer)).toEqual([2, 3]);
  });
});
