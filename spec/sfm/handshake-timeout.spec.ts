import { TestScheduler } from 'rxjs/testing';
import { beforeEach, describe, expect, it } from 'vitest';

import { Endpoint } from '../../lib/endpoint.js';
import { handshakeTimeout } from '../../lib/sfm/handshake-timeout.js';
import type { SessionLife } from '../../lib/sfm/session-life.js';
import { FakeConnection, sessionOn } from '../support/fake-connection.js';

const session = sessionOn(new FakeConnection());
const events: Record<string, SessionLife> = {
  o: { type: 'opened', session },
  r: { type: 'ready', session, endpoint: new Endpoint('site-1') },
  s: { type: 'settled', session },
  c: { type: 'closed', session, error: undefined },
  x: { type: 'overdue', session },
};

let scheduler: TestScheduler;

beforeEach(() => {
  scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
});

describe('handshakeTimeout of 5 ms', () => {
  it.each([
    ['o---r---s-----c|', 'o---r---s-----c|', 'a handshake in time changes nothing'],
    ['o--c|           ', 'o--c|           ', 'an end before the handshake is no delay'],
    ['o---------------', 'o----x----------', 'a peer that says nothing is overdue, once'],
    ['o-------r---s-c|', 'o----x--r---s-c|', 'a late handshake is still passed on'],
    ['o-----c|        ', 'o----xc|        ', 'the end of an overdue session is passed on'],
    ['---o------------', '---o----x-------', 'the time runs from opened on'],
    ['o----------#    ', 'o----x-----#    ', 'an error is passed on'],
    ['o--#            ', 'o--#            ', 'an error ends the wait'],
  ])('%s gives %s: %s', (source, expected) => {
    scheduler.run(({ cold, expectObservable }) => {
      const session$ = cold(source.trim(), events);
      expectObservable(session$.pipe(handshakeTimeout(5, scheduler))).toBe(expected.trim(), events);
    });
  });

  it('runs the session once', () => {
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const session$ = cold('o--r--c|', events);
      expectObservable(session$.pipe(handshakeTimeout(5, scheduler)));
      expectSubscriptions(session$.subscriptions).toBe('^------!');
    });
  });

  it('lets go of the session and its timer when unsubscribed', () => {
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const session$ = cold('o---------', events);
      expectObservable(session$.pipe(handshakeTimeout(5, scheduler)), '^--!').toBe('o---', events);
      expectSubscriptions(session$.subscriptions).toBe('^--!');
    });
  });
});
