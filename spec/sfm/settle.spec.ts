import { filter } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { beforeEach, describe, expect, it } from 'vitest';

import { Endpoint } from '../../lib/endpoint.js';
import type { SessionRole } from '../../lib/sfm/session-context.js';
import type { SessionLife } from '../../lib/sfm/session-life.js';
import { settle } from '../../lib/sfm/settle.js';
import { FakeConnection, sessionOn } from '../support/fake-connection.js';

let scheduler: TestScheduler;

beforeEach(() => {
  scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
});

/** Runs `settle` over a session drawn as marbles, and notes when it is to be asked and when it is taken as ready. */
function settling(source: string, timeoutMs: number, role: Partial<SessionRole> = {}) {
  const session = sessionOn(new FakeConnection(), role);
  const events: Record<string, SessionLife> = {
    o: { type: 'opened', session },
    r: { type: 'ready', session, endpoint: new Endpoint('site-1') },
    s: { type: 'settled', session },
    c: { type: 'closed', session, error: undefined },
  };
  const [asked, unanswered]: [number[], number[]] = [[], []];
  scheduler.run(({ cold, expectObservable, flush }) => {
    const life$ = cold(source, events).pipe(
      settle(timeoutMs, scheduler),
      filter((event) => {
        if (event.type === 'ask') asked.push(scheduler.now());
        if (event.type === 'unanswered') unanswered.push(scheduler.now());
        return event.type !== 'ask' && event.type !== 'unanswered';
      }),
    );
    expectObservable(life$).toBe(source, events);
    flush();
  });
  return { asked, unanswered };
}

describe('settle', () => {
  it('asks at once and every 50 ms until the peer shows that it knows us', () => {
    expect(settling('o 9ms r 119ms s 500ms c', 500)).toEqual({ asked: [10, 60, 110], unanswered: [] });
  });

  it('takes the peer as ready when the time is up, and asks no more', () => {
    expect(settling('r', 180)).toEqual({ asked: [0, 50, 100, 150], unanswered: [180] });
  });

  it('stops to ask when the connection ends first', () => {
    expect(settling('r 69ms (c|)', 500)).toEqual({ asked: [0, 50], unanswered: [] });
  });

  it('asks once where the answer comes at once', () => {
    expect(settling('(rs)', 500)).toEqual({ asked: [0], unanswered: [] });
  });

  it('asks nothing before the handshake', () => {
    expect(settling('o 400ms c', 100)).toEqual({ asked: [], unanswered: [] });
  });

  it('settles without a question when the time is 0', () => {
    expect(settling('o 9ms r 100ms c', 0)).toEqual({ asked: [], unanswered: [10] });
  });

  it('settles without a question on a transport that loses nothing', () => {
    expect(settling('o 9ms r 100ms c', 500, { heartbeat: false })).toEqual({ asked: [], unanswered: [10] });
  });
});
