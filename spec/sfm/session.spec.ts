import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import type { Session } from '../../lib/sfm/session.js';
import type { SessionRole } from '../../lib/sfm/session-context.js';
import { decodeRefusal, encodeRefusal } from '../../lib/sfm/refusal.js';
import { admitAll, withAdmission } from '../../lib/sfm/with-admission.js';
import { Mode } from '../../lib/transport/driver.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { FakeConnection, helloOf, readySessionOn, sessionOn } from '../support/fake-connection.js';

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
      if (event.type === 'refused') session.refuse(event.error, event.told);
    },
    error: (error: unknown) => seen.push(String(error)),
    complete: () => seen.push('complete'),
  });
  return seen;
}

/** What the connection of a session ended with. */
function errorsOf(connection: FakeConnection): CommError[] {
  const errors: CommError[] = [];
  connection.closed$.subscribe({ error: (error: unknown) => errors.push(CommError.from(error)) });
  return errors;
}

const data = (n: number) => frameOf({ type: FrameType.DATA, appId: 1, streamId: 17 }, Uint8Array.of(n));

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

  it('is welcomed once, and settles once', () => {
    const connection = new FakeConnection();
    const session = sessionOn(connection);
    const seen = watch(session);
    session.settle();
    connection.deliver(helloOf(new Endpoint('site-1')));
    session.settle();
    session.settle();
    session.welcome(new Endpoint('site-1'), nextStreamId);
    expect(seen).toEqual(['opened', 'greeted', 'ready', 'settled']);
    expect(typesOn(connection)).toEqual([FrameType.READY]);
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
    const errors = errorsOf(connection);
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
    const { connection, errors, pass } = answered();
    pass(5_000);
    for (let count = 0; count < 1_000; count += 1) connection.deliver(ping);
    pass(1_000);
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

describe('the messages of a session', () => {
  function setUp() {
    const router = new MessageRouter(1_000);
    const connection = new FakeConnection();
    return { router, connection, session: readySessionOn(connection, {}, router) };
  }

  it('are counted with their heads, those sent and those received', () => {
    const { router, connection, session } = setUp();
    router.messages(1).subscribe();
    const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 17 }, 10);
    session.sendMessage(head.slice(), new Uint8Array(10));
    session.sendMessage(head.slice(), undefined);
    connection.deliver(data(1));
    expect(session.traffic).toMatchObject({
      sent: { messages: 2, bytes: 26 + 16 },
      received: { messages: 1, bytes: 17 },
      unclaimed: { messages: 0, bytes: 0 },
    });
  });

  it('are unclaimed where nobody listens, before it has settled and after', () => {
    const { connection, session } = setUp();
    connection.deliver(data(1));
    connection.deliver(data(2));
    expect(session.traffic.unclaimed.toTally()).toEqual({ messages: 2, bytes: 34 });
  });

  it('end it where its connection does not take one, which is undelivered', () => {
    const { connection, session } = setUp();
    const errors = errorsOf(connection);
    connection.throwsAt = 1;
    const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 17 }, 0);
    expect(session.sendMessage(head, undefined)).toBe(false);
    expect(session.losses.undelivered).toEqual({ messages: 1, bytes: 16 });
    expect(errors[0]?.message).toMatch(/^CN\d+ site-1 at 127\.0\.0\.1:2000: no room$/);
  });
});

describe('a session that breaks off', () => {
  const badData = (message: RegExp) => [
    { code: CommErrorCode.BAD_DATA, message: expect.stringMatching(message) as unknown },
  ];

  it.each([
    [Mode.PASSIVE, ping, /^CN\d+ 127\.0\.0\.1:2000: expected HELLO first, got PING$/],
    [Mode.PASSIVE, helloOf(new Endpoint('site-1'), FrameType.READY), /expected HELLO first, got READY/],
    [Mode.ACTIVE, helloOf(new Endpoint('site-1')), /expected READY first, got HELLO/],
  ])('does so by a wrong first frame where it is %s', (mode, frame, message) => {
    const connection = new FakeConnection();
    const errors = errorsOf(connection);
    const seen = watch(sessionOn(connection, { mode }));
    connection.deliver(frame);
    expect([seen, errors]).toMatchObject([['opened', 'closed', 'complete'], badData(message)]);
  });

  it.each([
    [FrameType.HELLO, /^CN\d+ site-1 at 127\.0\.0\.1:2000: expected a message or a heartbeat, got HELLO$/],
    [9 as FrameType, /expected a message or a heartbeat, got a frame of unknown type 9$/],
  ])('does so by a frame of type %d behind its handshake', (type, message) => {
    const connection = new FakeConnection();
    readySessionOn(connection);
    const errors = errorsOf(connection);
    connection.deliver(frameOf({ type, appId: 0, streamId: 1 }));
    expect(errors).toMatchObject(badData(message));
  });

  it('does so where its connection does not take a PONG', () => {
    const connection = new FakeConnection();
    readySessionOn(connection);
    const errors = errorsOf(connection);
    connection.throwsAt = 1;
    connection.deliver(ping);
    expect(errors[0]?.message).toMatch(/: no room$/);
  });

  it('does so by more than 1 MiB behind a handshake that is not answered', () => {
    const connection = new FakeConnection();
    const errors = errorsOf(connection);
    sessionOn(connection).events$.subscribe();
    connection.deliver(helloOf(new Endpoint('site-1')));
    const frame = frameOf({ type: FrameType.DATA, appId: 1, streamId: 17 }, new Uint8Array(65_536 - 16));
    for (let count = 0; count < 16; count += 1) connection.deliver(frame);
    expect(errors).toEqual([]);
    connection.deliver(ping);
    expect(errors).toMatchObject(badData(/1048576 bytes/));
  });

  it('does so by a peer of its own name', () => {
    const connection = new FakeConnection();
    const errors = errorsOf(connection);
    watch(sessionOn(connection));
    connection.deliver(helloOf(new Endpoint('hub')));
    expect(errors).toMatchObject([{ code: CommErrorCode.BAD_DATA, detail: 'own-name' }]);
  });

  it('does not do so by the reserved frames FRAG and ACK', () => {
    const connection = new FakeConnection();
    readySessionOn(connection);
    for (const type of [FrameType.FRAG, FrameType.ACK]) {
      connection.deliver(frameOf({ type, appId: 0, streamId: 1 }));
    }
    expect(connection.isOpen).toBe(true);
  });
});

describe('a session that may not go on', () => {
  const frameTold = (told: string) =>
    frameOf({ type: FrameType.PONG, appId: 0, streamId: 1 }, encodeRefusal(told));

  it('tells its peer what that may know, and ends with the reason', () => {
    const connection = new FakeConnection();
    const errors = errorsOf(connection);
    const session = sessionOn(connection);
    session.events$.subscribe();
    connection.deliver(helloOf(new Endpoint('site-1')));
    session.refuse(new CommError(CommErrorCode.BAD_CONFIG, 'expired token'), 'log in again');
    expect(connection.frames.map(decodeRefusal)).toEqual(['log in again']);
    expect(errors).toMatchObject([{ code: CommErrorCode.BAD_CONFIG, message: 'expired token' }]);
  });

  it('tells a listener nothing beyond its end', () => {
    const connection = new FakeConnection();
    const session = sessionOn(connection, { mode: Mode.ACTIVE });
    session.events$.subscribe();
    connection.deliver(helloOf(new Endpoint('hub-2'), FrameType.READY));
    session.refuse(new CommError(CommErrorCode.BAD_CONFIG, 'no'), 'no');
    expect(typesOn(connection)).toEqual([FrameType.HELLO]);
  });

  it('shows nothing more of a peer whose certificate does not fit', () => {
    const connection = new FakeConnection();
    const session = sessionOn(connection, { mtls: true });
    const seen: unknown[] = [];
    session.events$.subscribe((event) => seen.push(event.type === 'refused' ? event.told : event.type));
    for (const frame of [helloOf(new Endpoint('site-1')), helloOf(new Endpoint('site-1')), ping]) {
      connection.deliver(frame);
    }
    expect([seen, connection.sent]).toEqual([['opened', ''], []]);
  });

  it('is rejected by a listener that says so in place of READY, and hears no more', () => {
    const connection = new FakeConnection();
    const session = sessionOn(connection, { mode: Mode.ACTIVE });
    const seen: unknown[] = [];
    session.events$.subscribe((event) =>
      seen.push(event.type === 'rejected' ? event.error.reason : event.type),
    );
    connection.deliver(frameTold('log in again'));
    connection.deliver(helloOf(new Endpoint('hub-2'), FrameType.READY));
    expect(seen).toEqual(['opened', 'log in again']);
  });

  it('is not rejected by a site', () => {
    const connection = new FakeConnection();
    const errors = errorsOf(connection);
    watch(sessionOn(connection));
    connection.deliver(frameTold('log in again'));
    expect(errors).toMatchObject([{ code: CommErrorCode.BAD_DATA }]);
  });

  it('ends where there are no properties for its HELLO', () => {
    const connection = new FakeConnection();
    const errors = errorsOf(connection);
    const properties = () => {
      throw new Error('boom');
    };
    watch(sessionOn(connection, { mode: Mode.ACTIVE }, { properties }));
    expect([errors.length, connection.sent]).toEqual([1, []]);
    expect(errors[0]?.message).toMatch(/boom$/);
  });
});

describe('under mtls a session', () => {
  /** What becomes of `site-1`, or the site below a relay that we are, with that certificate. */
  function errorsWith(role: Partial<SessionRole>, shown: { peer_cn?: string; peer_cert_hidden?: true }) {
    const addresses = { local_addr: '127.0.0.1:1000', peer_addr: '127.0.0.1:2000' };
    const connection = new FakeConnection({ ...addresses, ...shown });
    const errors = errorsOf(connection);
    watch(sessionOn(connection, { mtls: true, ...role }));
    const answer = role.mode === Mode.ACTIVE ? FrameType.READY : FrameType.HELLO;
    connection.deliver(helloOf(new Endpoint('site-1'), answer));
    return errors;
  }
  const [active, passive] = [{ mode: Mode.ACTIVE }, { mode: Mode.PASSIVE }];
  const hidden = { peer_cert_hidden: true } as const;

  it.each([
    ['a certificate of its name', passive, { peer_cn: 'site-1' }],
    ['a certificate of its name', active, { peer_cn: 'site-1' }],
    ['a certificate that the transport does not show', active, hidden],
    ['no certificate where TLS is one-way', { ...passive, mtls: false }, {}],
  ])('takes a peer with %s: %o', (_, role, shown) => {
    expect(errorsWith(role, shown)).toEqual([]);
  });

  it.each([
    ['a certificate of another name', passive, { peer_cn: 'evil' }, '"evil"'],
    ['a certificate of another name', active, { peer_cn: 'evil' }, '"evil"'],
    ['a certificate without one common name', passive, {}, 'none'],
    ['a certificate without one common name', active, {}, 'none'],
    ['none to show, where we are the listener', passive, hidden, 'none'],
  ])('refuses a peer with %s: %o', (_, role, shown, named) => {
    expect(errorsWith(role, shown)).toMatchObject([
      {
        code: CommErrorCode.BAD_DATA,
        detail: 'certificate-name',
        message: expect.stringMatching(`site-1 needs a certificate for "site-1".* ${named}`) as unknown,
      },
    ]);
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

  it('does not count its handshake', () => {
    const connection = new FakeConnection();
    const session = readySessionOn(connection);
    const head = encodeHead({ type: FrameType.DATA, appId: 1, streamId: 17 }, 10);
    session.sendMessage(head, new Uint8Array(10));
    const ready = connection.sent[0]?.length ?? 0;
    [connection.bufferedFrames, connection.bufferedBytes] = [2, ready + 26];
    Object.defineProperties(connection, { unconfirmedFrames: { value: 0 }, unconfirmedBytes: { value: 0 } });
    expect(session.losses).toEqual({ undelivered: { messages: 1, bytes: 26 }, unknown: nothing });
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

  it('delivers no more of what it held', () => {
    const router = new MessageRouter(1_000);
    const received: unknown[] = [];
    router.messages(1).subscribe(({ message, connection }) => {
      received.push(message.payload?.[0]);
      void connection.close();
    });
    const connection = new FakeConnection();
    connection.holdsClose = true;
    const session = sessionOn(connection, {}, {}, router);
    session.events$.subscribe();
    connection.deliver(helloOf(new Endpoint('site-1')));
    for (const n of [1, 2, 3]) connection.deliver(data(n));
    session.welcome(new Endpoint('site-1'), nextStreamId);
    expect(received).toEqual([1]);
  });

  it('takes no handshake with which another subscriber closed it', () => {
    const connection = new FakeConnection();
    connection.holdsClose = true;
    connection.frames$.subscribe(() => void connection.close());
    const seen = watch(sessionOn(connection));
    connection.deliver(helloOf(new Endpoint('site-1')));
    expect(seen).toEqual(['opened']);
  });

  it('is not ready by a welcome that comes too late', () => {
    const connection = new FakeConnection();
    connection.holdsClose = true;
    const session = sessionOn(connection);
    const seen: string[] = [];
    session.events$.subscribe(({ type }) => seen.push(type));
    connection.deliver(helloOf(new Endpoint('site-1')));
    void session.close();
    session.welcome(new Endpoint('site-1'), nextStreamId);
    expect([seen, connection.sent]).toEqual([['opened', 'greeted'], []]);
  });

  it('is over when the connection is, and once', () => {
    const { connection, session, seen } = closing();
    connection.finish();
    void session.close(new CommError(CommErrorCode.ERROR, 'late'));
    expect(seen).toEqual(['opened', 'greeted', 'ready', 'closed', 'complete']);
    expect(session.isReady).toBe(false);
  });
});
