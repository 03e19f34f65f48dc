import { NEVER, type Observable, Subject } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import type { Origin } from '../../lib/cluster-contract.js';
import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Outbound } from '../../lib/sfm/outbound.js';
import type { EncodedMessage, Sink } from '../../lib/sink.js';
import { NOTHING } from '../../lib/stats.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { frameMemory } from '../../lib/wire/frame-memory.js';
import { FrameType, readPrefix } from '../../lib/wire/prefix.js';
import { FakeConnection, sessionOn } from '../support/fake-connection.js';

/** What `push` costs while it waits: 26 bytes, and 128 of overhead. */
const WAITING_BYTES = 26 + 128;
const HIGH_WATER_MARK = 4 * WAITING_BYTES;

const reset = new CommError(CommErrorCode.CLOSED, 'reset');

/** An outbound, a session that it can be written into, and a note of its signals. */
function setUp() {
  const clock = { ms: 0 };
  const outbound = new Outbound(HIGH_WATER_MARK, () => clock.ms);
  const signals: string[] = [];
  outbound.drained$.subscribe(() => signals.push('drained'));
  outbound.emptied$.subscribe(() => signals.push('emptied'));
  const connection = new FakeConnection();
  return { clock, outbound, signals, connection, session: sessionOn(connection) };
}

/** Frames of 26 bytes that are told apart by their stream ID. Answers whether there is room for more. */
function push(outbound: Outbound, streamId: number): boolean {
  const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId }, 10);
  return outbound.next(head, new Uint8Array(10));
}

function sentOn(connection: FakeConnection): number[] {
  return connection.frames.map(({ streamId }) => streamId);
}

describe('an outbound without a session', () => {
  it('keeps frames in order, each in memory of its own, and writes them when it is opened', () => {
    const { outbound, signals, connection, session } = setUp();
    for (const streamId of [1, 2, 3]) push(outbound, streamId);
    expect(outbound.waiting).toEqual({ messages: 3, bytes: 78 });
    expect(outbound.queuedBytes).toBe(3 * WAITING_BYTES);
    outbound.writeInto(session).subscribe();
    expect(sentOn(connection)).toEqual([1, 2, 3]);
    expect(outbound.waiting).toEqual({ messages: 0, bytes: 0 });
    expect(signals).toEqual(['emptied']);
  });

  it('is full from the high-water mark on, and tells when it no longer is', () => {
    const { outbound, signals, session } = setUp();
    expect([1, 2, 3, 4].map((streamId) => push(outbound, streamId))).toEqual([true, true, true, false]);
    expect(outbound.isFull).toBe(true);
    outbound.writeInto(session).subscribe();
    expect(outbound.isFull).toBe(false);
    expect(signals).toEqual(['emptied', 'drained']);
  });

  it('forgets everything when cleared, and tells how much that was', () => {
    const { outbound, signals, connection, session } = setUp();
    for (const streamId of [1, 2, 3, 4]) push(outbound, streamId);
    expect(outbound.clear()).toEqual({ messages: 4, bytes: 104 });
    expect(outbound.clear()).toEqual({ messages: 0, bytes: 0 });
    expect([outbound.isFull, outbound.queuedBytes]).toEqual([false, 0]);
    expect(signals).toContain('emptied');
    outbound.writeInto(session).subscribe();
    expect(connection.sent).toEqual([]);
  });
});

describe('an outbound on an open connection', () => {
  it('passes frames straight through', () => {
    const { outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    push(outbound, 1);
    expect(sentOn(connection)).toEqual([1]);
    expect([outbound.isFull, outbound.waiting.messages]).toEqual([false, 0]);
  });

  it('counts what the connection has not written yet', () => {
    const { outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.bufferedBytes = 500;
    expect(outbound.queuedBytes).toBe(500);
  });

  it('keeps frames back while the connection is full, and goes on in order when it is drained', () => {
    const { outbound, signals, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.fill();
    push(outbound, 1);
    expect(outbound.isFull).toBe(true);
    push(outbound, 2);
    push(outbound, 3);
    expect(sentOn(connection)).toEqual([1]);
    expect(outbound.waiting.messages).toBe(2);
    connection.drain();
    push(outbound, 4);
    expect(sentOn(connection)).toEqual([1, 2, 3, 4]);
    expect(signals.filter((signal) => signal === 'drained')).toHaveLength(1);
  });

  it('stops again in the middle when the connection becomes full again', () => {
    const { outbound, signals, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.fill();
    for (const streamId of [1, 2, 3, 4]) push(outbound, streamId);
    signals.length = 0;
    connection.fillsAfter = 2;
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3]);
    expect([outbound.isFull, outbound.waiting, signals]).toEqual([true, { messages: 1, bytes: 26 }, []]);
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3, 4]);
    expect([outbound.isFull, outbound.waiting.bytes, signals]).toEqual([false, 0, ['emptied', 'drained']]);
  });

  it('is full while the connection is, also when nothing waits here any more', () => {
    const { outbound, signals, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.fill();
    for (const streamId of [1, 2, 3]) push(outbound, streamId);
    signals.length = 0;
    connection.fillsAfter = 2;
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3]);
    expect([outbound.isFull, signals]).toEqual([true, ['emptied']]);
  });

  it('counts a frame without a payload', () => {
    const { outbound } = setUp();
    const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 1 }, 0);
    outbound.next(head, undefined);
    expect([outbound.waiting, outbound.queuedBytes]).toEqual([{ messages: 1, bytes: 16 }, 16 + 128]);
  });

  it('keeps back what is pushed behind a flush that filled the connection again', () => {
    const { outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.fill();
    for (const streamId of [1, 2, 3]) push(outbound, streamId);
    connection.fillsAfter = 1;
    connection.drain();
    push(outbound, 4);
    expect(sentOn(connection)).toEqual([1, 2]);
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3, 4]);
  });

  it('keeps back what is pushed behind the first flush, where that filled the connection', () => {
    const { outbound, connection, session } = setUp();
    for (const streamId of [1, 2]) push(outbound, streamId);
    connection.fillsAfter = 1;
    outbound.writeInto(session).subscribe();
    push(outbound, 3);
    expect(sentOn(connection)).toEqual([1]);
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3]);
  });

  it('shows what waits and what the connection holds as its backlog, without the overhead', () => {
    const { outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.fill();
    push(outbound, 1);
    push(outbound, 2);
    connection.bufferedFrames = 1;
    connection.bufferedBytes = 26;
    expect(outbound.backlog).toEqual({ messages: 2, bytes: 52 });
  });

  it('times a message from its push until it is written', () => {
    const { clock, outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    for (const streamId of [1, 2, 3]) push(outbound, streamId);
    clock.ms = 3;
    connection.bufferedFrames = 3;
    connection.advance();
    expect(outbound.sendTimes.count).toBe(0);
    connection.bufferedFrames = 2;
    connection.advance();
    expect(outbound.sendTimes).toMatchObject({ count: 1, sumMs: 3 });
  });

  it('times a message that waits here until it is written', () => {
    const { clock, outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.fill();
    push(outbound, 1);
    connection.advance();
    push(outbound, 2);
    clock.ms = 3;
    connection.advance();
    expect(outbound.sendTimes).toMatchObject({ count: 1, sumMs: 0 });
    connection.drain();
    connection.advance();
    expect(outbound.sendTimes).toMatchObject({ count: 2, sumMs: 3 });
  });

  it('lets one who waited for drained push at once, without a frame out of order', () => {
    const { outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    connection.fill();
    push(outbound, 1);
    push(outbound, 2);
    outbound.drained$.subscribe(() => push(outbound, 3));
    connection.drain();
    expect(sentOn(connection)).toEqual([1, 2, 3]);
  });

  it('keeps the order over many rounds of full and drained', () => {
    const { outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    for (let streamId = 0; streamId < 1_000; streamId += 1) {
      if (streamId % 7 !== 0) connection.fill();
      push(outbound, streamId);
      if (streamId % 13 === 0) connection.drain();
    }
    connection.drain();
    expect(sentOn(connection)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    expect(outbound.waiting).toEqual({ messages: 0, bytes: 0 });
  });
});

describe('an outbound between two connections', () => {
  it('writes to the newer one what the older one did not get', () => {
    const { outbound, connection, session } = setUp();
    const older = outbound.writeInto(session).subscribe();
    push(outbound, 1);
    older.unsubscribe();
    push(outbound, 2);
    const newer = new FakeConnection();
    outbound.writeInto(sessionOn(newer)).subscribe();
    push(outbound, 3);
    expect(sentOn(connection)).toEqual([1]);
    expect(sentOn(newer)).toEqual([2, 3]);
  });

  it('hears nothing more of the older one', () => {
    const { outbound, connection, session } = setUp();
    const older = outbound.writeInto(session).subscribe();
    const newer = new FakeConnection();
    newer.fill();
    older.unsubscribe();
    outbound.writeInto(sessionOn(newer)).subscribe();
    push(outbound, 1);
    push(outbound, 2);
    connection.drain();
    expect(sentOn(newer)).toEqual([1]);
  });

  it('that was full, and got more meanwhile, tells once when the newer one takes frames', () => {
    const { outbound, signals, connection, session } = setUp();
    const older = outbound.writeInto(session).subscribe();
    connection.fill();
    push(outbound, 1);
    older.unsubscribe();
    push(outbound, 2);
    expect(outbound.isFull).toBe(true);
    const newer = new FakeConnection();
    outbound.writeInto(sessionOn(newer)).subscribe();
    expect([outbound.isFull, sentOn(newer)]).toEqual([false, [2]]);
    expect(signals.filter((signal) => signal === 'drained')).toHaveLength(1);
  });

  it('that was full tells when the newer one takes frames', () => {
    const { outbound, signals, connection, session } = setUp();
    const older = outbound.writeInto(session).subscribe();
    connection.fill();
    push(outbound, 1);
    older.unsubscribe();
    expect(outbound.isFull).toBe(true);
    outbound.writeInto(sessionOn(new FakeConnection())).subscribe();
    expect(outbound.isFull).toBe(false);
    expect(signals).toContain('drained');
  });
});

describe('an outbound on a connection that takes no more frames', () => {
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
    const { outbound, connection, session } = setUp();
    const older = outbound.writeInto(session).subscribe();
    end(connection);
    expect([1, 2, 3, 4].map((streamId) => push(outbound, streamId))).toEqual([true, true, true, false]);
    expect(connection.sent).toEqual([]);
    const newer = new FakeConnection();
    older.unsubscribe();
    outbound.writeInto(sessionOn(newer)).subscribe();
    expect(sentOn(newer)).toEqual([1, 2, 3, 4]);
  });

  it('because it ends in the middle of what waits stays full, and tells nothing', () => {
    const { outbound, signals, connection, session } = setUp();
    for (const streamId of [1, 2, 3, 4]) push(outbound, streamId);
    connection.endsAfter = 1;
    outbound.writeInto(session).subscribe();
    expect([outbound.isFull, outbound.waiting.messages, signals]).toEqual([true, 3, []]);
  });

  it('because it is left in the middle of what waits keeps the rest for the next one', () => {
    const { outbound, connection, session } = setUp();
    const writing = outbound.writeInto(session).subscribe();
    connection.fill();
    for (const streamId of [1, 2, 3]) push(outbound, streamId);
    vi.spyOn(session, 'sendMessage').mockImplementation(() => {
      writing.unsubscribe();
      return true;
    });
    connection.drain();
    expect(outbound.waiting.messages).toBe(1);
  });

  it('because it ends in the middle of what waits keeps the rest for the next one', () => {
    const { outbound, connection, session } = setUp();
    for (const streamId of [1, 2, 3]) push(outbound, streamId);
    connection.endsAfter = 1;
    const older = outbound.writeInto(session).subscribe();
    expect(sentOn(connection)).toEqual([1]);
    expect(outbound.waiting.messages).toBe(2);
    const newer = new FakeConnection();
    older.unsubscribe();
    outbound.writeInto(sessionOn(newer)).subscribe();
    expect(sentOn(newer)).toEqual([2, 3]);
  });
});

describe('a payload that was received and is sent on', () => {
  /** Sends payloads that have their memory to themselves, and that their receivers are done with. */
  function sendOn(outbound: Outbound, count: number): Uint8Array[] {
    return Array.from({ length: count }, () => {
      const payload = frameMemory.own(new Uint8Array(300_000));
      outbound.next(encodeHead({ type: FrameType.DATA, appId: 1, streamId: 1 }, payload.length), payload);
      expect(frameMemory.giveBack(payload)).toBe(true);
      return payload;
    });
  }
  const areEmpty = (payloads: readonly Uint8Array[]) => payloads.map(({ length }) => length === 0);

  it('has its memory used again when it is written, and not before', () => {
    const { outbound, connection, session } = setUp();
    const [waited = new Uint8Array(0)] = sendOn(outbound, 1);
    outbound.writeInto(session).subscribe();
    expect(connection.sent).toHaveLength(1);
    const payloads = [waited, ...sendOn(outbound, 2)];
    connection.bufferedFrames = 3;
    connection.advance();
    expect(areEmpty(payloads)).toEqual([false, false, false]);
    connection.bufferedFrames = 1;
    connection.advance();
    expect(areEmpty(payloads)).toEqual([true, true, false]);
    connection.bufferedFrames = 0;
    connection.advance();
    expect(areEmpty(payloads)).toEqual([true, true, true]);
  });

  it('keeps it where its connection ended before, since that may write it yet', () => {
    const { outbound, connection, session } = setUp();
    const writing = outbound.writeInto(session).subscribe();
    const taken = sendOn(outbound, 2);
    connection.bufferedFrames = 2;
    connection.finish(reset);
    writing.unsubscribe();
    const waiting = sendOn(outbound, 1);
    const next = new FakeConnection();
    outbound.writeInto(sessionOn(next)).subscribe();
    next.advance();
    expect(areEmpty([...taken, ...waiting])).toEqual([false, false, true]);
  });

  it('keeps it where the endpoint goes', () => {
    const { outbound, connection, session } = setUp();
    outbound.writeInto(session).subscribe();
    const taken = sendOn(outbound, 1);
    outbound.clear();
    connection.advance();
    expect(areEmpty(taken)).toEqual([false]);
  });
});

/** A sink from which everything may come back. */
class FarSink implements Sink {
  isOpen = true;
  readonly overheadBytes = 0;
  readonly written$ = NEVER;
  readonly #drained = new Subject<void>();
  readonly drained$: Observable<void> = this.#drained.asObservable();
  readonly #settled = new Subject<never>();
  readonly settled$: Observable<never> = this.#settled.asObservable();
  readonly taken: EncodedMessage[] = [];
  isGivenUp = false;

  get bufferedMessages(): number {
    return this.taken.length;
  }

  get bufferedBytes(): number {
    return 26 * this.taken.length;
  }

  sendMessage(head: Uint8Array, payload: Uint8Array | undefined): boolean {
    this.taken.push({ head: head.slice(), payload });
    return true;
  }

  takeBack(): readonly EncodedMessage[] {
    return this.taken.splice(0);
  }

  giveUp(): void {
    this.isGivenUp = true;
  }

  settle(): void {
    this.#settled.complete();
  }

  drain(): void {
    this.#drained.next();
  }
}

describe('an outbound on a sink from which messages come back', () => {
  it('gives the next sink nothing until the one before is settled, and what came back goes first', () => {
    const { outbound, signals, connection, session } = setUp();
    const far = new FarSink();
    const older = outbound.writeInto(far).subscribe();
    for (const streamId of [1, 2]) push(outbound, streamId);
    older.unsubscribe();
    outbound.writeInto(session).subscribe();
    push(outbound, 3);
    expect([sentOn(connection), outbound.isEmpty, outbound.backlog]).toEqual([
      [],
      false,
      { messages: 3, bytes: 78 },
    ]);
    far.settle();
    expect([sentOn(connection), outbound.isEmpty, outbound.backlog.messages]).toEqual([[1, 2, 3], true, 0]);
    expect(signals).toEqual(['emptied', 'emptied']);
    push(outbound, 4);
    expect(sentOn(connection)).toEqual([1, 2, 3, 4]);
  });

  it('waits for that sink too where a third one is next before it is settled', () => {
    const { outbound, connection, session } = setUp();
    const [far, next] = [new FarSink(), new FarSink()];
    const first = outbound.writeInto(far).subscribe();
    push(outbound, 1);
    first.unsubscribe();
    const second = outbound.writeInto(next).subscribe();
    push(outbound, 2);
    second.unsubscribe();
    outbound.writeInto(session).subscribe();
    expect([next.taken, sentOn(connection)]).toEqual([[], []]);
    far.settle();
    expect([next.taken, sentOn(connection)]).toEqual([[], [1, 2]]);
  });

  it('sends it on the same sink first, where that takes messages again', () => {
    const { outbound } = setUp();
    const far = new FarSink();
    outbound.writeInto(far).subscribe();
    for (const streamId of [1, 2]) push(outbound, streamId);
    far.isOpen = false;
    push(outbound, 3);
    far.isOpen = true;
    far.drain();
    expect(
      far.taken.map(({ head }) => readPrefix(Buffer.concat([head, new Uint8Array(10)])).streamId),
    ).toEqual([1, 2, 3]);
    expect(outbound.waiting).toEqual({ messages: 0, bytes: 0 });
  });

  it('gives up what is to come back when it forgets everything', () => {
    const { outbound } = setUp();
    const far = new FarSink();
    outbound.writeInto(far).subscribe();
    outbound.clear();
    expect(far.isGivenUp).toBe(true);
  });
});

describe('messages of other replicas in an outbound', () => {
  /** One replica, which notes what it hears. */
  function origin() {
    const heard: string[] = [];
    const note: Origin = {
      written: () => heard.push('written'),
      lost: ({ undelivered, unknown }) => heard.push(`lost ${undelivered.messages} ${unknown.messages}`),
      returned: ({ head }) => heard.push(`returned ${readPrefix(head).streamId}`),
    };
    return { heard, note };
  }
  const relay = (outbound: Outbound, streamId: number, to: Origin): void =>
    outbound.relay(encodeHead({ type: FrameType.DATA, appId: 1, streamId }, 0), undefined, to);

  it('go back as far as they wait; those that the connection had are written or lost', () => {
    const { outbound, connection, session } = setUp();
    const [one, two] = [origin(), origin()];
    const writing = outbound.writeInto(session).subscribe();
    relay(outbound, 1, one.note);
    connection.fill();
    connection.bufferedFrames = 1;
    relay(outbound, 2, one.note);
    relay(outbound, 3, one.note);
    push(outbound, 4);
    relay(outbound, 5, two.note);
    relay(outbound, 6, one.note);
    writing.unsubscribe();
    outbound.returnRelayed();
    expect([one.heard, two.heard]).toEqual([['written', 'returned 3', 'returned 6'], ['returned 5']]);
    expect(outbound.waiting).toEqual({ messages: 1, bytes: 26 });
    outbound.loseRelayed({ undelivered: { messages: 1, bytes: 16 }, unknown: NOTHING }, false);
    expect(one.heard.at(-1)).toBe('lost 1 0');
    const newer = new FakeConnection();
    outbound.writeInto(sessionOn(newer)).subscribe();
    relay(outbound, 7, two.note);
    expect([sentOn(newer), two.heard]).toEqual([
      [4, 7],
      ['returned 5', 'written'],
    ]);
  });
});
