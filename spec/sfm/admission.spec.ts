import { mergeAll, type Observable, Subject, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import type { LifecycleEvent } from '../../lib/lifecycle.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import { Admission } from '../../lib/sfm/admission.js';
import { EndpointRegistry } from '../../lib/sfm/endpoint-registry.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import { decodeRefusal } from '../../lib/sfm/refusal.js';
import { SessionTable } from '../../lib/sfm/session-table.js';
import type { SessionRole } from '../../lib/sfm/session-context.js';
import type { SessionLife } from '../../lib/sfm/session-life.js';
import { Mode } from '../../lib/transport/driver.js';
import type { EndpointCandidate } from '../../lib/verify-endpoint.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { FakeConnection, helloOf } from '../support/fake-connection.js';

const role: SessionRole = {
  handle: 'CH00001',
  scheme: 'tcp',
  mode: Mode.PASSIVE,
  mtls: false,
  heartbeat: true,
};
const pong = frameOf({ type: FrameType.PONG, appId: 0, streamId: 17 }, Uint8Array.of(0xc0));
const data = (n: number) => frameOf({ type: FrameType.DATA, appId: 1, streamId: 17 }, Uint8Array.of(n));

/** A hub in virtual time. `at` does something then; `run` lets an hour pass. */
function hubWith(options: CommunicatorOptions) {
  const scheduler = new TestScheduler(() => undefined);
  const resolved = resolveOptions({ settleTimeoutMs: 0, ...options, scheduler });
  const router = new MessageRouter(1_000);
  const received: number[] = [];
  router.messages(1).subscribe(({ message }) => received.push(message.payload?.[0] ?? -1));
  const registry = new EndpointRegistry(resolved);
  const events: LifecycleEvent[] = [];
  registry.lifecycle$.subscribe((event) => events.push(event));
  const admission = new Admission(resolved, registry.seat);
  const sessions = new SessionTable({
    local: new Endpoint('hub'),
    options: resolved,
    router,
    decide: admission.decide,
  });
  const lives = new Subject<Observable<SessionLife>>();
  registry.run(lives.pipe(mergeAll()));

  /** A connection that presents itself. */
  function join(name: string, more: Partial<SessionRole> = {}, ...frames: Uint8Array[]): FakeConnection {
    const connection = new FakeConnection();
    lives.next(sessions.run(connection, { ...role, ...more }));
    const answer = more.mode === Mode.ACTIVE ? FrameType.READY : FrameType.HELLO;
    connection.deliver(helloOf(new Endpoint(name, { token: 'abc' }), answer));
    for (const frame of frames) connection.deliver(frame);
    return connection;
  }

  const hasJoined = (connection: FakeConnection) =>
    connection.frames.some(({ type }) => type === FrameType.READY);
  const ofType = <T extends LifecycleEvent['type']>(type: T) =>
    events.filter((event): event is Extract<LifecycleEvent, { type: T }> => event.type === type);
  const run = (act: (at: (ms: number, action: () => void) => void) => void) =>
    scheduler.run(({ flush }) => {
      act((ms, action) => void timer(ms, scheduler).subscribe(action));
      flush();
    });
  return { registry, events, received, join, hasJoined, ofType, run };
}

describe('verifyEndpoint', () => {
  it('sees name, properties, connection, scheme and mode', () => {
    const seen: EndpointCandidate[] = [];
    const { join, hasJoined } = hubWith({
      verifyEndpoint: (candidate) => {
        seen.push(candidate);
        return true;
      },
    });
    const connection = join('site-1', { scheme: 'wss' });
    expect(hasJoined(connection)).toBe(true);
    expect(seen).toMatchObject([
      {
        endpoint: { name: 'site-1', properties: { token: 'abc' }, state: EndpointState.IDLE },
        connection: { peer_addr: '127.0.0.1:2000' },
        scheme: 'wss',
        mode: Mode.PASSIVE,
      },
    ]);
  });

  it.each([Mode.PASSIVE, Mode.ACTIVE])(
    'holds everything while it is pending, and loses and reorders nothing: %s',
    (mode) => {
      const answer = new Subject<boolean>();
      const { join, hasJoined, received, registry } = hubWith({ verifyEndpoint: () => answer });
      const connection = join('site-1', { mode }, data(1), data(2));
      expect([connection.isPaused, hasJoined(connection), received]).toEqual([true, false, []]);
      expect(registry.seat('site-1')).toBeUndefined();
      answer.next(true);
      expect([connection.isPaused, hasJoined(connection)]).toEqual([false, mode === Mode.PASSIVE]);
      connection.deliver(data(3));
      expect(received).toEqual([1, 2, 3]);
      expect(registry.seat('site-1')?.endpoint.state).toBe(EndpointState.READY);
    },
  );

  it('lets a stranger send no more than a stranger may while it is pending, and who answers us all', () => {
    const { join } = hubWith({ verifyEndpoint: () => new Subject<boolean>(), maxFrameBytes: 1_000_000 });
    expect(join('site-1').maxFrameBytes).toBe(16 + 65_535);
    expect(join('site-1', { mode: Mode.ACTIVE }).maxFrameBytes).toBe(1_000_000);
  });

  it('ends a peer that sends on and on while it is pending', () => {
    const { join, ofType } = hubWith({ verifyEndpoint: () => new Subject<boolean>() });
    const frame = frameOf({ type: FrameType.DATA, appId: 1, streamId: 17 }, new Uint8Array(60_000));
    const connection = join('site-1');
    for (let count = 0; count < 20 && connection.isOpen; count += 1) connection.deliver(frame);
    expect(ofType('disconnected')).toMatchObject([{ error: { code: CommErrorCode.BAD_DATA } }]);
  });

  it('leaves a user of the connection its own pause', () => {
    const answer = new Subject<boolean>();
    const { join } = hubWith({ verifyEndpoint: () => answer });
    const connection = join('site-1');
    connection.pause();
    answer.next(true);
    expect(connection.isPaused).toBe(true);
  });

  it.each([Mode.PASSIVE, Mode.ACTIVE])(
    'closes a peer that it refuses, and tells name, address and reason: %s',
    (mode) => {
      const { join, hasJoined, events, registry } = hubWith({ verifyEndpoint: () => 'bad token' });
      const connection = join('site-1', { mode }, data(1));
      expect([connection.isOpen, hasJoined(connection), registry.seat('site-1')]).toEqual([
        false,
        false,
        undefined,
      ]);
      expect(events.map(({ type }) => type)).toEqual(['connected', 'refused', 'disconnected']);
      expect(events[1]).toMatchObject({
        handle: 'CH00001',
        connection,
        endpointName: 'site-1',
        peerAddr: '127.0.0.1:2000',
        reason: 'bad token',
      });
      const message = expect.stringMatching(/127\.0\.0\.1:2000.* site-1 is refused: bad token/) as unknown;
      expect(events[2]).toMatchObject({ error: { code: CommErrorCode.REFUSED, message } });
    },
  );

  it('that throws refuses, and is reported', () => {
    const boom = new Error('boom');
    const { join, ofType, events } = hubWith({
      verifyEndpoint: () => {
        throw boom;
      },
    });
    expect(join('site-1').isOpen).toBe(false);
    expect(events.map(({ type }) => type)).toEqual([
      'connected',
      'callback-error',
      'refused',
      'disconnected',
    ]);
    expect(ofType('callback-error')).toMatchObject([{ callback: 'verifyEndpoint', error: { cause: boom } }]);
  });

  it('has the time of the handshake, and is let go then', () => {
    const answer = new Subject<boolean>();
    const { join, ofType, run } = hubWith({ verifyEndpoint: () => answer, handshakeTimeoutMs: 3_000 });
    run((at) => {
      const connection = join('site-1');
      at(2_999, () => expect([connection.isOpen, answer.observed]).toEqual([true, true]));
      at(3_001, () => expect([connection.isOpen, answer.observed]).toEqual([false, false]));
    });
    const message = expect.stringContaining(
      'verifyEndpoint, or the claim of its name, gave no answer within 3000 ms',
    ) as unknown;
    expect(ofType('disconnected')).toMatchObject([{ error: { code: CommErrorCode.TIMEOUT, message } }]);
  });

  it('is let go when the peer goes, and its answer comes to nothing', () => {
    const answer = new Subject<boolean>();
    const { join, registry } = hubWith({ verifyEndpoint: () => answer });
    join('site-1').finish();
    expect([answer.observed, registry.seat('site-1')]).toEqual([false, undefined]);
  });

  it('is not asked about a peer with our own name', () => {
    let calls = 0;
    const { join } = hubWith({
      verifyEndpoint: () => {
        calls += 1;
        return true;
      },
    });
    expect([join('hub').isOpen, calls]).toEqual([false, 0]);
  });
});

describe("duplicateName 'newcomer'", () => {
  it('lets the first two newcomers in at once, calls the second ping-pong, and makes the others wait', () => {
    const { join, hasJoined, ofType, run } = hubWith({});
    run((at) => {
      const all = [join('site-1'), join('site-1'), join('site-1')];
      expect(all.map((each) => each.isOpen)).toEqual([false, false, true]);
      const fourth = join('site-1');
      at(999, () => expect([hasJoined(fourth), all[2]?.isOpen]).toEqual([false, true]));
      at(1_001, () => {
        expect([hasJoined(fourth), all[2]?.isOpen]).toEqual([true, false]);
        const fifth = join('site-1');
        at(1_999, () => expect(hasJoined(fifth)).toBe(false));
        at(2_001, () => expect(hasJoined(fifth)).toBe(true));
      });
    });
    const evictions = ofType('evicted');
    expect(evictions.map(({ count }) => count)).toEqual([1, 2, 3, 4]);
    expect(evictions.map(({ message }) => message.includes('ping-pong'))).toEqual([false, true, true, true]);
  });

  it('never waits so long that the handshake is late', () => {
    const { join, hasJoined, ofType, run } = hubWith({ handshakeTimeoutMs: 3_000 });
    run((at) => {
      for (let count = 0; count < 20; count += 1) at(count * 2_900, () => join('site-1'));
      at(20 * 2_900, () => expect(hasJoined(join('other'))).toBe(true));
    });
    expect(ofType('evicted')).toHaveLength(19);
  });

  it('does not make a newcomer wait for one that has gone, be it before or meanwhile', () => {
    const { join, hasJoined, run } = hubWith({});
    run((at) => {
      join('site-1');
      join('site-1');
      const third = join('site-1');
      const fourth = join('site-1');
      at(10, () => {
        third.finish();
        expect(hasJoined(fourth)).toBe(true);
        fourth.finish();
        expect(hasJoined(join('site-1'))).toBe(true);
      });
    });
  });

  it('forgets after a minute, and counts each name for itself', () => {
    const { join, hasJoined, ofType, run } = hubWith({});
    run((at) => {
      for (let count = 0; count < 3; count += 1) join('site-1');
      join('site-2');
      expect(hasJoined(join('site-2'))).toBe(true);
      at(60_001, () => expect(hasJoined(join('site-1'))).toBe(true));
    });
    expect(ofType('evicted').map(({ count }) => count)).toEqual([1, 2, 1, 1]);
  });
});

describe("duplicateName 'incumbent'", () => {
  const incumbent = { duplicateName: 'incumbent' } as const;

  it('asks the incumbent for a sign of life, and refuses the newcomer when it gives one', () => {
    const { join, hasJoined, ofType, run } = hubWith(incumbent);
    run((at) => {
      const first = join('site-1');
      const second = join('site-1');
      expect(first.frames.at(-1)?.type).toBe(FrameType.PING);
      at(20, () => first.deliver(pong));
      at(200, () => {
        expect([first.isOpen, second.isOpen, hasJoined(second)]).toEqual([true, false, false]);
      });
    });
    expect(ofType('evicted')).toEqual([]);
    expect(ofType('refused')).toMatchObject([
      {
        endpointName: 'site-1',
        reason: expect.stringContaining('the name site-1 is taken by CN') as unknown,
      },
    ]);
  });

  it('takes it for dead heartbeatTimeoutMs after it was asked, and lets the newcomer in', () => {
    const { join, hasJoined, ofType, run } = hubWith({ ...incumbent, heartbeatTimeoutMs: 400 });
    run((at) => {
      const first = join('site-1');
      const second = join('site-1');
      at(399, () => expect([hasJoined(second), first.isOpen]).toEqual([false, true]));
      at(401, () => expect([hasJoined(second), first.isOpen]).toEqual([true, false]));
    });
    expect(ofType('evicted')).toHaveLength(1);
    expect(ofType('refused')).toEqual([]);
  });

  it.each([1, 60, 360, 399])('keeps it by a sign of life after %d of 400 ms', (afterMs) => {
    const { join, hasJoined, ofType, run } = hubWith({ ...incumbent, heartbeatTimeoutMs: 400 });
    run((at) => {
      const first = join('site-1');
      const second = join('site-1');
      at(afterMs, () => first.deliver(pong));
      at(500, () => expect([first.isOpen, second.isOpen, hasJoined(second)]).toEqual([true, false, false]));
    });
    expect([ofType('evicted').length, ofType('refused').length]).toEqual([0, 1]);
  });

  it('refuses a newcomer after half of handshakeTimeoutMs while the incumbent still has time', () => {
    const options = { handshakeTimeoutMs: 10_000, heartbeatTimeoutMs: 30_000 };
    const { join, ofType, run } = hubWith({ ...incumbent, ...options });
    run((at) => {
      const first = join('site-1');
      const second = join('site-1');
      at(4_999, () => expect([second.isOpen, first.isOpen]).toEqual([true, true]));
      at(5_001, () => expect([second.isOpen, first.isOpen]).toEqual([false, true]));
    });
    expect([ofType('evicted').length, ofType('refused').length]).toEqual([0, 1]);
  });

  it('goes on with the rest of the time for a later newcomer, and asks only once', () => {
    const options = { handshakeTimeoutMs: 10_000, heartbeatTimeoutMs: 12_000 };
    const { join, hasJoined, ofType, run } = hubWith({ ...incumbent, ...options });
    run((at) => {
      const first = join('site-1');
      const pings = () => first.frames.filter(({ type }) => type === FrameType.PING).length;
      join('site-1');
      at(6_000, () => join('site-1'));
      at(11_500, () => {
        const fourth = join('site-1');
        at(499, () => expect([hasJoined(fourth), first.isOpen, pings()]).toEqual([false, true, 1]));
        at(501, () => expect([hasJoined(fourth), first.isOpen]).toEqual([true, false]));
      });
    });
    expect([ofType('evicted').length, ofType('refused').length]).toEqual([1, 2]);
  });

  it('begins anew after a sign of life between two newcomers', () => {
    const options = { handshakeTimeoutMs: 10_000, heartbeatTimeoutMs: 12_000 };
    const { join, ofType, run } = hubWith({ ...incumbent, ...options });
    run((at) => {
      const first = join('site-1');
      join('site-1');
      at(8_000, () => first.deliver(pong));
      at(11_500, () => {
        join('site-1');
        expect(first.frames.filter(({ type }) => type === FrameType.PING)).toHaveLength(2);
      });
      at(16_400, () => expect(first.isOpen).toBe(true));
    });
    expect([ofType('evicted').length, ofType('refused').length]).toEqual([0, 2]);
  });

  it('lets one newcomer in when the incumbent goes, and no other', () => {
    const { join, hasJoined, ofType, run } = hubWith(incumbent);
    run((at) => {
      const first = join('site-1');
      const [second, third] = [join('site-1'), join('site-1')];
      at(10, () => {
        first.finish();
        expect([hasJoined(second), hasJoined(third)]).toEqual([true, false]);
      });
      at(30, () => second.deliver(pong));
      at(200, () => expect([second.isOpen, third.isOpen]).toEqual([true, false]));
    });
    expect([ofType('evicted').length, ofType('refused').length]).toEqual([0, 1]);
  });

  it.each([
    ['that we have paused', {}, {}, true],
    ['whose transport tells of its end', {}, { heartbeat: false }, false],
    ['that need not answer a PING', { heartbeatTimeoutMs: 0 }, {}, false],
  ])('does not doubt an incumbent %s', (_, options, more, pauses) => {
    const { join, ofType } = hubWith({ ...incumbent, ...options });
    const first = join('site-1', more);
    if (pauses) first.pause();
    const second = join('site-1');
    expect([second.isOpen, first.isOpen]).toEqual([false, true]);
    // That the name is taken is told, and not by whom.
    expect(second.frames.map(decodeRefusal)).toEqual(['another connection has this name']);
    const reason = expect.stringContaining('the name site-1 is taken by CN') as unknown;
    expect(ofType('refused')).toMatchObject([{ reason }]);
  });

  it('refuses the newcomer at the next look, and not only when the time is up', () => {
    const { join, run } = hubWith(incumbent);
    run((at) => {
      const first = join('site-1');
      const second = join('site-1');
      at(20, () => first.deliver(pong));
      at(51, () => expect(second.isOpen).toBe(false));
    });
  });

  it('does not count one that is closing as the incumbent', () => {
    const { join, hasJoined } = hubWith(incumbent);
    const first = join('site-1');
    first.holdsClose = true;
    void first.close();
    expect(hasJoined(join('site-1'))).toBe(true);
  });

  it('lets a newcomer in when the incumbent breaks off', () => {
    const { join, hasJoined, run } = hubWith(incumbent);
    run((at) => {
      const first = join('site-1');
      const second = join('site-1');
      at(10, () => {
        first.finish(new CommError(CommErrorCode.CLOSED, 'reset'));
        expect(hasJoined(second)).toBe(true);
      });
    });
  });

  it('lets a name in again that has gone', () => {
    const { join, hasJoined } = hubWith(incumbent);
    join('site-1').finish();
    expect(hasJoined(join('site-1'))).toBe(true);
  });
});
