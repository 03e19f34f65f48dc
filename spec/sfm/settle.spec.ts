import { TestScheduler } from 'rxjs/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { Endpoint } from '../../lib/endpoint.js';
import type { SessionEvent, SessionRole } from '../../lib/sfm/session.js';
import { settle } from '../../lib/sfm/settle.js';
import { FakeConnection, sessionOn } from '../support/fake-connection.js';

let scheduler: TestScheduler;

beforeEach(() => {
  scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
});

/** Runs `settle` over a session drawn as marbles, and notes when it asks and when it stops to wait. */
function settling(source: string, timeoutMs: number, role: Partial<SessionRole> = {}) {
  const session = sessionOn(new FakeConnection(), role);
  const events: Record<string, SessionEvent> = {
    o: { type: 'opened', session },
    r: { type: 'ready', session, endpoint: new Endpoint('site-1') },
    s: { type: 'settled', session },
    c: { type: 'closed', session, error: undefined },
  };
  const asked: number[] = [];
  const settled: number[] = [];
  vi.spyOn(session, 'ping').mockImplementation(() => void asked.push(scheduler.now()));
  vi.spyOn(session, 'settle').mockImplementation(() => void settled.push(scheduler.now()));
  scheduler.run(({ cold, expectObservable, flush }) => {
    const session$ = cold(source, events);
    expectObservable(session$.pipe(settle(timeoutMs, scheduler))).toBe(source, events);
    flush();
  });
  return { asked, settled };
}

describe('settle', () => {
  it('asks at once and every 50 ms until the peer shows that it knows us', () => {
    expect(settling('o 9ms r 119ms s 500ms c', 500)).toEqual({ asked: [10, 60, 110], settled: [] });
  });

  it('takes the peer as ready when the time is up, and asks no more', () => {
    expect(settling('r', 180)).toEqual({ asked: [0, 50, 100, 150], settled: [180] });
  });

  it('stops to ask when the connection ends first', () => {
    expect(settling('r 69ms (c|)', 500)).toEqual({ asked: [0, 50], settled: [] });
  });

  it('asks once where the answer comes at once', () => {
    expect(settling('(rs)', 500)).toEqual({ asked: [0], settled: [] });
  });

  it('asks nothing before the handshake', () => {
    expect(settling('o 400ms c', 100)).toEqual({ asked: [], settled: [] });
  });

  it('settles without a question when the time is 0', () => {
    expect(settling('o 9ms r 100ms c', 0)).toEqual({ asked: [], settled: [10] });
  });

  it('settles without a question on a transport that loses nothing', () => {
    expect(settling('o 9ms r 100ms c', 500, { heartbeat: false })).toEqual({ asked: [], settled: [10] });
  });
});
