import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import { admit, admitAll } from '../../lib/sfm/admit.js';
import type { Session } from '../../lib/sfm/session.js';
import { Mode } from '../../lib/transport/driver.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { FakeConnection, helloOf, readySessionOn, sessionOn } from '../support/fake-connection.js';

const ping = frameOf({ type: FrameType.PING, appId: 0, streamId: 17 }, Uint8Array.of(0xc0), 2);

/** What a session shows until it is over; `onOpened` acts at its first sign. */
function watch(session: Session, onOpened: () => void = () => undefined): string[] {
  const seen: string[] = [];
  session.events$.pipe(admit(admitAll)).subscribe({
    next: ({ type }) => {
      seen.push(type);
      if (type === 'opened') onOpened();
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
