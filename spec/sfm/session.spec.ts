import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import type { Session } from '../../lib/sfm/session.js';
import { withAdmission } from '../../lib/sfm/with-admission.js';
import { Mode } from '../../lib/transport/driver.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { admitAll, FakeConnection, helloOf, readySessionOn, sessionOn } from '../support/fake-connection.js';

const ping = frameOf({ type: FrameType.PING, appId: 0, streamId: 17 }, Uint8Array.of(0xc0), 2);

/** Counts nothing. */
const nextStreamId = () => 17;

/** What a session shows until it is over, where everyone is let in; `onOpened` acts at its first sign. */
function watch(session: Session, onOpened: () => void = () => undefined): string[] {
  const seen: string[] = [];
  session.events$.pipe(withAdmission(admitAll)).subscribe({
    next: (event) => {
      if (event.type === 'admitted') {
        session.welcome(event.endpoint, nextStreamId);
        return;
      }
      seen.push(event.type);
      if (event.type === 'opened') onOpened();
    },
    error: (error: unknown) => seen.push(String(error)),
    complete: () => seen.push('complete'),
  });
  return seen;
}

function typesOn(connection: FakeConnection): number[] {
  return connection.frames.map(({ type }) => type);
}

describe('a session whose connection is closed at its first sign', () => {
  it.each([Mode.ACTIVE, Mode.PASSIVE])('says no more than that it is closed: %s', (mode) => {
    const connection = new FakeConnection();
    const seen = watch(sessionOn(connection, { mode }), () => void connection.close());
    expect(seen).toEqual(['opened', 'closed', 'complete']);
    expect(connection.sent).toEqual([]);
  });

  it.each([Mode.ACTIVE, Mode.PASSIVE])('waits for an end that takes its time: %s', (mode) => {
    const connection = new FakeConnection();
    connection.holdsClose = true;
    const seen = watch(sessionOn(connection, { mode }), () => void connection.close());
    expect(seen).toEqual(['opened']);
    connection.finish();
    expect(seen).toEqual(['opened', 'closed', 'complete']);
    expect(connection.sent).toEqual([]);
  });

  it('says why', () => {
    const reset = new CommError(CommErrorCode.CLOSED, 'reset');
    const connection = new FakeConnection();
    const errors: unknown[] = [];
    const session = sessionOn(connection, { mode: Mode.ACTIVE });
    session.events$.subscribe((event) => {
      if (event.type === 'opened') connection.finish(reset);
      if (event.type === 'closed') errors.push(event.error);
    });
    expect(errors).toEqual([reset]);
  });
});

describe('a session', () => {
  it('says HELLO first where it is active, and is ready by the READY', () => {
    const connection = new FakeConnection();
    const session = sessionOn(connection, { mode: Mode.ACTIVE });
    const seen = watch(session);
    expect([typesOn(connection), session.isReady]).toEqual([[FrameType.HELLO], false]);
    connection.deliver(helloOf(new Endpoint('site-1'), FrameType.READY));
    expect([seen, session.isReady]).toEqual([['opened', 'greeted', 'ready'], true]);
  });

  it('answers a HELLO with READY where it is passive, and a PING with PONG', () => {
    const connection = new FakeConnection();
    readySessionOn(connection);
    connection.deliver(ping);
    expect(typesOn(connection)).toEqual([FrameType.READY, FrameType.PONG]);
  });
});

describe('a session that is asked for signs of life', () => {
  /** It has sent a PONG, which waits in its connection. */
  function answered() {
    const scheduler = new VirtualTimeScheduler();
    const connection = new FakeConnection();
    const session = readySessionOn(connection, { scheduler });
    const errors: unknown[] = [];
    connection.closed$.subscribe({ error: (error: unknown) => errors.push(error) });
    connection.deliver(ping);
    connection.bufferedFrames = 1;
    const pongs = () => typesOn(connection).filter((type) => type === FrameType.PONG).length;
    /** Lets time pass. */
    const pass = (ms: number) => {
      scheduler.schedule(() => undefined, ms);
      scheduler.flush();
    };
    return { connection, session, errors, pongs, pass };
  }

  it('lets one PONG wait, whatever comes, and answers again when it is written', () => {
    const { connection, pongs } = answered();
    for (let count = 0; count < 10; count += 1) connection.deliver(ping);
    expect(pongs()).toBe(1);
    connection.bufferedFrames = 0;
    connection.deliver(ping);
    expect(pongs()).toBe(2);
  });

  it('finds the PONG that waits behind messages and before them', () => {
    const { connection, session, pongs } = answered();
    session.settle();
    const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 17 }, 0);
    for (let count = 0; count < 3; count += 1) session.sendMessage(head.slice(), undefined);
    connection.bufferedFrames = 4;
    connection.deliver(ping);
    expect(pongs()).toBe(1);
    connection.bufferedFrames = 3;
    connection.deliver(ping);
    expect(pongs()).toBe(2);
  });

  it('ends with BAD_DATA by more than 1,000 PINGs within a second while a PONG waits', () => {
    const { connection, errors } = answered();
    for (let count = 0; count < 1_000; count += 1) connection.deliver(ping);
    expect([connection.isOpen, errors]).toEqual([true, []]);
    connection.deliver(ping);
    expect(errors).toMatchObject([{ code: CommErrorCode.BAD_DATA }]);
  });

  it('goes on where they take longer than a second, or the PONG goes out', () => {
    const { connection, errors, pass } = answered();
    for (let second = 0; second < 3; second += 1) {
      for (let count = 0; count < 1_000; count += 1) connection.deliver(ping);
      pass(1_001);
    }
    connection.bufferedFrames = 0;
    for (let count = 0; count < 5_000; count += 1) connection.deliver(ping);
    expect([connection.isOpen, errors]).toEqual([true, []]);
  });

  it('puts no second PING behind one that waits', () => {
    const connection = new FakeConnection();
    const session = readySessionOn(connection);
    const pings = () => typesOn(connection).filter((type) => type === FrameType.PING).length;
    session.ping();
    connection.bufferedFrames = 1;
    session.ping();
    expect(pings()).toBe(1);
    connection.bufferedFrames = 0;
    session.ping();
    expect(pings()).toBe(2);
  });
});

describe('what a session has lost', () => {
  const nothing = { messages: 0, bytes: 0 };

  /** A session that has sent three messages of 26 bytes, then a PING and a PONG of 17. */
  function ended(buffered: readonly [number, number], unconfirmed: readonly [number, number]) {
    const connection = new FakeConnection();
    const session = readySessionOn(connection);
    session.settle();
    const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 17 }, 10);
    for (let count = 0; count < 3; count += 1) session.sendMessage(head.slice(), new Uint8Array(10));
    session.ping();
    connection.deliver(ping);
    [connection.bufferedFrames, connection.bufferedBytes] = buffered;
    const [frames, bytes] = unconfirmed;
    Object.defineProperties(connection, {
      unconfirmedFrames: { value: frames },
      unconfirmedBytes: { value: bytes },
    });
    connection.finish();
    return session.losses;
  }

  it('is nothing where everything is written', () => {
    expect(ended([0, 0], [0, 0])).toEqual({ undelivered: nothing, unknown: nothing });
  });

  it('is unknown as far as the operating system had it, the oldest frames, and undelivered behind that', () => {
    expect(ended([5, 3 * 26 + 34], [2, 52])).toEqual({
      undelivered: { messages: 1, bytes: 26 },
      unknown: { messages: 2, bytes: 52 },
    });
  });

  it('does not count control frames, on neither side', () => {
    expect(ended([3, 26 + 34], [2, 26 + 17])).toEqual({
      undelivered: nothing,
      unknown: { messages: 1, bytes: 26 },
    });
    expect(ended([2, 34], [1, 17])).toEqual({ undelivered: nothing, unknown: nothing });
  });

  it('is all unknown where the operating system had all', () => {
    expect(ended([5, 3 * 26 + 34], [5, 3 * 26 + 34])).toEqual({
      undelivered: nothing,
      unknown: { messages: 3, bytes: 78 },
    });
  });

  it('counts a frame where its last byte is', () => {
    expect(ended([4, 2 * 26 - 6 + 34], [0, 10])).toEqual({
      undelivered: { messages: 2, bytes: 2 * 26 - 16 },
      unknown: nothing,
    });
  });
});

describe('a session whose connection is closing', () => {
  function closing() {
    const connection = new FakeConnection();
    connection.holdsClose = true;
    const session = sessionOn(connection);
    const seen = watch(session);
    connection.deliver(helloOf(new Endpoint('site-1')));
    void session.close();
    return { connection, session, seen };
  }

  it('is not ready any more', () => {
    const { session } = closing();
    expect(session.isReady).toBe(false);
  });

  it('asks for no sign of life, and throws nothing', () => {
    const { connection, session } = closing();
    session.ping();
    expect(typesOn(connection)).toEqual([FrameType.READY]);
  });

  it('answers nothing, and does not settle by what still comes', () => {
    const { connection, seen } = closing();
    connection.deliver(ping);
    expect(typesOn(connection)).toEqual([FrameType.READY]);
    expect(seen).toEqual(['opened', 'greeted', 'ready']);
  });

  it('is over when the connection is, and once', () => {
    const { connection, session, seen } = closing();
    connection.finish();
    void session.close(new CommError(CommErrorCode.ERROR, 'late'));
    expect(seen).toEqual(['opened', 'greeted', 'ready', 'closed', 'complete']);
    expect(session.isReady).toBe(false);
  });
});
