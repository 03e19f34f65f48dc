import { filter, Subject, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { CommError, CommErrorCode, RefusedError } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import type { LifecycleEvent } from '../../lib/lifecycle.js';
import type { Message } from '../../lib/message.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import { EndpointRegistry } from '../../lib/sfm/endpoint-registry.js';
import type { Session } from '../../lib/sfm/session.js';
import { admitAll, withAdmission } from '../../lib/sfm/with-admission.js';
import type { Input } from '../../lib/sfm/world.js';
import { HotSource } from '../../lib/transport/hot-source.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { FakeConnection, helloOf, sessionOn } from '../support/fake-connection.js';

const reset = new CommError(CommErrorCode.CLOSED, 'reset');

function setUp(options: CommunicatorOptions = {}) {
  const registry = new EndpointRegistry(resolveOptions(options));
  const inputs = new Subject<Input>();
  registry.run(inputs);
  const told: string[] = [];
  const events: LifecycleEvent[] = [];
  registry.lifecycle$.subscribe((event) => {
    events.push(event);
    told.push(event.type === 'endpoint' ? `${event.endpoint.name} ${event.endpoint.state}` : event.type);
  });
  const maps: ReadonlyMap<string, Endpoint>[] = [];
  registry.endpoints$.subscribe((map) => maps.push(map));
  const states = () =>
    maps.map((map) => [...map.values()].map(({ name, state }) => `${name} ${state}`).join(', '));
  const endpoint = (name: string) => registry.seat(name)?.endpoint;
  const send = (name: string, message: Message) => registry.seat(name)?.peer.send(1, message);

  /** A connection whose session is part of the loop. */
  function open(): { connection: FakeConnection; session: Session } {
    const connection = new FakeConnection();
    const session = sessionOn(connection);
    session.events$.pipe(withAdmission(admitAll)).subscribe((event) => inputs.next(event));
    return { connection, session };
  }

  /** The same, with the handshake done. */
  function join(name: string, properties = {}): { connection: FakeConnection; session: Session } {
    const opened = open();
    opened.connection.deliver(helloOf(new Endpoint(name, properties)));
    return opened;
  }

  return { registry, inputs, events, told, states, endpoint, send, open, join };
}

describe('an endpoint', () => {
  it('is READY at the handshake and DISCONNECTED at the end, and each is told once, in order', () => {
    const { told, states, join, endpoint } = setUp();
    const { connection } = join('site-1', { level: 1 });
    expect(endpoint('site-1')).toMatchObject({
      state: EndpointState.READY,
      properties: { level: 1 },
    });
    connection.finish();
    expect(told).toEqual(['connected', 'site-1 READY', 'disconnected', 'site-1 DISCONNECTED']);
    expect(states()).toEqual(['', 'site-1 READY', 'site-1 DISCONNECTED']);
  });

  it('comes back under its name, with the properties of the new handshake', () => {
    const { registry, states, join } = setUp();
    join('site-1', { level: 1 }).connection.finish();
    const before = registry.seat('site-1');
    join('site-1', { level: 2 });
    expect(registry.seat('site-1')?.peer).toBe(before?.peer);
    expect(registry.seat('site-1')?.endpoint.properties).toEqual({ level: 2 });
    expect(states().at(-1)).toBe('site-1 READY');
  });

  it('is in the map before it is told, and the map says the same', () => {
    const { registry, events, join } = setUp();
    const seen: unknown[] = [];
    const latest = { map: new Map<string, Endpoint>() as ReadonlyMap<string, Endpoint> };
    registry.endpoints$.subscribe((map) => (latest.map = map));
    const { connection } = join('site-1');
    seen.push(latest.map.get('site-1'));
    connection.finish();
    seen.push(latest.map.get('site-1'));
    expect(events.filter(({ type }) => type === 'endpoint')).toEqual(
      seen.map((endpoint) => ({ type: 'endpoint', endpoint, connection })),
    );
  });

  it('is unknown before the handshake, and an end then is told without a name', () => {
    const { told, events, states, open } = setUp();
    open().connection.finish(reset);
    expect(told).toEqual(['connected', 'disconnected']);
    expect(events.at(-1)).toMatchObject({ handle: 'CH00001', error: reset });
    expect(events.at(-1)).not.toHaveProperty('endpointName');
    expect(states()).toEqual(['']);
  });

  it('tells why its connection ended, and nothing after a clean end', () => {
    const { events, join } = setUp();
    join('site-1').connection.finish(reset);
    join('site-2').connection.finish();
    const ends = events.filter(({ type }) => type === 'disconnected');
    expect(ends).toMatchObject([{ endpointName: 'site-1', error: reset }, { endpointName: 'site-2' }]);
    expect(ends[1]).not.toHaveProperty('error');
  });

  it('has its live session in its seat, and none after that', () => {
    const { registry, join } = setUp();
    const { connection, session } = join('site-1');
    expect(registry.seat('site-1')?.session).toBe(session);
    connection.finish();
    expect(registry.seat('site-1')?.session).toBeUndefined();
  });
});

describe('messages to an endpoint', () => {
  it('wait until its session has settled', () => {
    const { join, send } = setUp();
    const { connection, session } = join('site-1');
    send('site-1', {});
    const before = connection.sent.length;
    session.settle();
    expect(connection.sent.length).toBe(before + 1);
  });

  it('that waited, or were not written, are told as dropped before the disconnection', () => {
    const { registry, told, events, send, join } = setUp();
    const { connection, session } = join('site-1');
    session.settle();
    connection.fillsAfter = 3;
    for (const bytes of [1, 2, 3, 84]) send('site-1', { payload: new Uint8Array(bytes) });
    connection.bufferedFrames = 1;
    connection.bufferedBytes = 19;
    connection.finish(reset);
    expect(told.slice(2)).toEqual(['dropped', 'disconnected', 'site-1 DISCONNECTED']);
    expect(events[2]).toEqual({
      type: 'dropped',
      reason: 'disconnected',
      endpointName: 'site-1',
      undelivered: { messages: 1, bytes: 100 },
      unknown: { messages: 1, bytes: 19 },
    });
    expect(registry.seat('site-1')?.peer.outbound.waiting.messages).toBe(0);
    expect(registry.stats).toMatchObject([
      {
        queued: { messages: 0, bytes: 0 },
        undelivered: { messages: 1, bytes: 100 },
        unknown: { messages: 1, bytes: 19 },
      },
    ]);
  });

  it('that are accepted while its connection is closing are told as dropped at its end', () => {
    const { told, events, send, join } = setUp();
    const { connection, session } = join('site-1');
    session.settle();
    connection.holdsClose = true;
    void session.close();
    send('site-1', { payload: new Uint8Array(84) });
    expect(told).not.toContain('disconnected');
    connection.finish();
    expect(told.slice(2)).toEqual(['dropped', 'disconnected', 'site-1 DISCONNECTED']);
    expect(events[2]).toMatchObject({ undelivered: { messages: 1, bytes: 100 } });
  });

  it('are told as dropped only where there are any', () => {
    const { told, send, join } = setUp();
    const { connection, session } = join('site-1');
    session.settle();
    send('site-1', {});
    connection.finish(reset);
    expect(told).not.toContain('dropped');
  });
});

describe('a message that its connection throws at', () => {
  it('ends the connection, and is told as undelivered', () => {
    const { told, events, send, join } = setUp();
    const { connection, session } = join('site-1');
    session.settle();
    connection.throwsAt = 2;
    send('site-1', {});
    send('site-1', { payload: new Uint8Array(84) });
    expect(told.slice(2)).toEqual(['dropped', 'disconnected', 'site-1 DISCONNECTED']);
    expect(events[2]).toMatchObject({
      undelivered: { messages: 1, bytes: 100 },
      unknown: { messages: 0, bytes: 0 },
    });
  });
});

describe('a second connection under a live name', () => {
  it('stays, and the older one is closed, in plain words; the endpoint is READY all the time', () => {
    const { events, told, states, join } = setUp();
    const older = join('site-1').connection;
    const newcomer = join('site-1', { level: 2 }).connection;
    expect(told).toEqual(['connected', 'site-1 READY', 'connected', 'evicted', 'disconnected']);
    const message = expect.stringContaining(
      `${newcomer.name} (127.0.0.1:2000) stays, ${older.name}`,
    ) as unknown;
    expect(events[3]).toMatchObject({ endpointName: 'site-1', evicted: older, newcomer, message });
    expect(events[4]).toMatchObject({ connection: older, error: { code: CommErrorCode.CLOSED } });
    expect(states()).toEqual(['', 'site-1 READY', 'site-1 READY']);
  });

  it('gets what waited for the older one', () => {
    const { told, join, send } = setUp();
    join('site-1');
    send('site-1', { payload: Uint8Array.of(9) });
    const { connection, session } = join('site-1');
    expect(connection.frames.some(({ payload }) => payload?.[0] === 9)).toBe(false);
    session.settle();
    expect(connection.frames.at(-1)?.payload).toEqual(Uint8Array.of(9));
    expect(told).not.toContain('dropped');
  });

  it('gets what is sent before it has settled, and the older one gets nothing more', () => {
    const { told, join, send } = setUp();
    const older = join('site-1');
    older.session.settle();
    const { connection, session } = join('site-1');
    const before = older.connection.sent.length;
    send('site-1', { payload: Uint8Array.of(9) });
    expect(older.connection.sent.length).toBe(before);
    session.settle();
    expect(connection.frames.at(-1)?.payload).toEqual(Uint8Array.of(9));
    expect(told).not.toContain('dropped');
  });

  it('that settles before the older one has ended keeps what is sent', () => {
    const { registry, inputs, told, send, open, join } = setUp();
    join('site-1');
    const { connection } = open();
    // What comes while an event is told waits, so both frames are there when it is let in.
    registry.lifecycle$.pipe(filter(({ type }) => type === 'listening')).subscribe(() => {
      connection.deliver(helloOf(new Endpoint('site-1')));
      connection.deliver(frameOf({ type: FrameType.PING, appId: 0, streamId: 17 }));
    });
    inputs.next({ type: 'report', event: { type: 'listening', handle: 'CH00001', url: 'tcp://0:8002' } });
    expect(told.at(-1)).toBe('disconnected');
    send('site-1', { payload: Uint8Array.of(9) });
    expect(connection.frames.at(-1)?.payload).toEqual(Uint8Array.of(9));
  });

  it('is the one whose end disconnects the endpoint', () => {
    const { told, join, endpoint } = setUp();
    join('site-1');
    const { connection } = join('site-1');
    expect(endpoint('site-1')?.state).toBe(EndpointState.READY);
    connection.finish();
    expect(told.filter((line) => line === 'site-1 DISCONNECTED')).toHaveLength(1);
  });

  it('counts stream IDs on from the older one', () => {
    const { join, send } = setUp();
    join('site-1').session.settle();
    send('site-1', {});
    const { connection, session } = join('site-1');
    session.settle();
    send('site-1', {});
    expect(connection.frames.at(-1)?.streamId).toBe(18);
  });
});

describe('a session that is overdue', () => {
  it('is closed with TIMEOUT', () => {
    const { inputs, events, open } = setUp();
    const { session } = open();
    inputs.next({ type: 'overdue', session });
    expect(events.at(-1)).toMatchObject({ type: 'disconnected', error: { code: CommErrorCode.TIMEOUT } });
  });
});

describe('what a session asks for', () => {
  it('is done: a PING, to take the peer as ready, and an end for its silence', () => {
    const { inputs, events, send, join } = setUp();
    const { connection, session } = join('site-1');
    inputs.next({ type: 'ask', session });
    expect(connection.frames.at(-1)?.type).toBe(FrameType.PING);
    send('site-1', {});
    inputs.next({ type: 'unanswered', session });
    expect(connection.frames.at(-1)?.type).toBe(FrameType.DATA);
    inputs.next({ type: 'silent', session });
    expect(events.at(-2)).toMatchObject({ type: 'disconnected', error: { code: CommErrorCode.TIMEOUT } });
  });

  it('is refused, told and closed with its reason', () => {
    const { inputs, events, told, open } = setUp();
    const { session } = open();
    const error = new CommError(CommErrorCode.BAD_CONFIG, 'bad token');
    inputs.next({ type: 'refused', session, endpoint: new Endpoint('site-1'), error, told: '' });
    expect(told).toEqual(['connected', 'refused', 'disconnected']);
    expect(events[1]).toMatchObject({ endpointName: 'site-1', reason: 'bad token' });
    expect(events[2]).toMatchObject({ error: { code: CommErrorCode.BAD_CONFIG } });
  });
});

/** Gives a session a connector that notes what it hears. */
function connectorOf({ role, connection }: Session) {
  const heard: string[] = [];
  const note = (what: string) => (about?: unknown) => {
    if (about !== undefined) expect(about).toBe(connection);
    heard.push(what);
  };
  const connector = { greeted: note('greeted'), handshakeDone: note('handshakeDone'), halt: note('halt') };
  Object.assign(role, { connector });
  return { heard };
}

describe('the connector of a session', () => {
  it('hears how far the handshake is', () => {
    const { inputs, open } = setUp();
    const { session } = open();
    const connector = connectorOf(session);
    const endpoint = new Endpoint('site-1');
    inputs.next({ type: 'greeted', session, endpoint });
    expect(connector.heard).toEqual(['greeted']);
    inputs.next({ type: 'ready', session, endpoint });
    expect(connector.heard).toEqual(['greeted', 'handshakeDone']);
  });
});

describe('a session that its peer rejects', () => {
  it('is closed, and lets its connector stop where an option says so', () => {
    const { registry, inputs, events, open } = setUp({ afterRefusal: 'stop' });
    const { connection, session } = open();
    const connector = connectorOf(session);
    inputs.next({ type: 'rejected', session, error: new RefusedError('CN00001', 'log in') });
    expect(connector.heard).toEqual(['halt']);
    expect([connection.isOpen, registry.stats]).toEqual([false, []]);
    expect(events[1]).toMatchObject({ type: 'refused', by: 'peer', reason: 'log in' });
  });
});

describe('an endpoint that is retired', () => {
  it('is CLOSING until its connection has ended, and each is told once', () => {
    const { registry, told, states, endpoint, join } = setUp();
    const { connection, session } = join('site-1');
    connection.holdsClose = true;
    registry.retire(session);
    registry.retire(session);
    expect([endpoint('site-1')?.state, connection.isOpen]).toEqual([EndpointState.CLOSING, false]);
    connection.finish();
    expect(told.slice(2)).toEqual(['site-1 CLOSING', 'disconnected', 'site-1 DISCONNECTED']);
    expect(states()).toEqual(['', 'site-1 READY', 'site-1 CLOSING', 'site-1 DISCONNECTED']);
  });

  it('is closed when what waits is written', () => {
    const { registry, told, send, join } = setUp();
    const { connection, session } = join('site-1');
    send('site-1', { payload: Uint8Array.of(9) });
    registry.retire(session);
    expect(connection.isOpen).toBe(true);
    session.settle();
    expect(connection.frames.at(-1)?.payload).toEqual(Uint8Array.of(9));
    expect(connection.isOpen).toBe(false);
    expect(told.slice(2)).toEqual(['site-1 CLOSING', 'disconnected', 'site-1 DISCONNECTED']);
  });

  it('is closed after drainTimeoutMs at the latest, and what waited is told as dropped', () => {
    const scheduler = new VirtualTimeScheduler();
    const { registry, told, events, send, join } = setUp({ scheduler, drainTimeoutMs: 3_000 });
    const { session } = join('site-1');
    send('site-1', { payload: Uint8Array.of(9) });
    registry.retire(session);
    scheduler.flush();
    expect(scheduler.frame).toBe(3_000);
    expect(told.slice(2)).toEqual(['site-1 CLOSING', 'dropped', 'disconnected', 'site-1 DISCONNECTED']);
    expect(events[4]).toMatchObject({ error: { code: CommErrorCode.TIMEOUT } });
  });

  it('leaves no timer behind when its connection ends before', () => {
    const scheduler = new VirtualTimeScheduler();
    const { registry, send, join } = setUp({ scheduler, drainTimeoutMs: 3_000 });
    const { connection, session } = join('site-1');
    send('site-1', {});
    registry.retire(session);
    connection.finish();
    scheduler.flush();
    expect(scheduler.frame).toBe(0);
  });

  it('is READY again, and told so, when a newcomer takes its name before it has closed', () => {
    const { registry, told, endpoint, join } = setUp();
    const older = join('site-1');
    older.connection.holdsClose = true;
    registry.retire(older.session);
    join('site-1');
    expect(endpoint('site-1')?.state).toBe(EndpointState.READY);
    expect(told.filter((line) => line.startsWith('site-1'))).toEqual([
      'site-1 READY',
      'site-1 CLOSING',
      'site-1 READY',
    ]);
  });

  it('is none where the session is not its live connection, which is closed all the same', () => {
    const { registry, told, endpoint, open, join } = setUp();
    const older = join('site-1');
    older.connection.holdsClose = true;
    join('site-1');
    const stranger = open();
    const before = told.length;
    registry.retire(older.session);
    registry.retire(stranger.session);
    expect(endpoint('site-1')?.state).toBe(EndpointState.READY);
    expect(told.slice(before)).toEqual(['disconnected']);
    expect(stranger.connection.isOpen).toBe(false);
  });
});

describe('removing an endpoint', () => {
  it('takes one that is gone out of the map, and out of the gone', () => {
    const { registry, told, states, join } = setUp({ maxDisconnectedEndpoints: 1 });
    join('site-1').connection.finish();
    const before = told.length;
    registry.remove('site-1');
    expect(registry.seat('site-1')).toBeUndefined();
    expect(told.length).toBe(before);
    expect(states()).toEqual(['', 'site-1 READY', 'site-1 DISCONNECTED', '']);
    join('site-2').connection.finish();
    expect(registry.seat('site-2')).toBeDefined();
  });

  it('does nothing about one that was never seen', () => {
    const { registry, told, states } = setUp();
    registry.remove('site-9');
    expect([states(), told]).toEqual([[''], []]);
  });

  it('retires one that has a connection, and takes it out when that has ended', () => {
    const { registry, told, states, join } = setUp();
    const { connection } = join('site-1');
    connection.holdsClose = true;
    registry.remove('site-1');
    expect(registry.seat('site-1')?.endpoint.state).toBe(EndpointState.CLOSING);
    connection.finish();
    expect(told.slice(2)).toEqual(['site-1 CLOSING', 'disconnected', 'site-1 DISCONNECTED']);
    expect(states()).toEqual(['', 'site-1 READY', 'site-1 CLOSING', 'site-1 DISCONNECTED', '']);
  });

  it('is over when a newcomer takes the name before that', () => {
    const { registry, states, join } = setUp();
    const older = join('site-1');
    older.connection.holdsClose = true;
    registry.remove('site-1');
    const newer = join('site-1');
    expect(registry.seat('site-1')?.session).toBe(newer.session);
    expect(states().at(-1)).toBe('site-1 READY');
    newer.connection.finish();
    expect(states().at(-1)).toBe('site-1 DISCONNECTED');
  });
});

describe('disconnected endpoints', () => {
  it('are forgotten beyond a number, the longest gone first', () => {
    const { registry, join } = setUp({ maxDisconnectedEndpoints: 2 });
    const connections = ['a', 'b', 'c', 'd'].map((name) => join(name).connection);
    const [a, b, c, d] = connections;
    for (const connection of [c, a, d, b]) connection?.finish();
    const known = ['a', 'b', 'c', 'd'].filter((name) => registry.seat(name) !== undefined);
    expect(known).toEqual(['b', 'd']);
  });

  it('that came back are not among the gone', () => {
    const { join, endpoint } = setUp({ maxDisconnectedEndpoints: 1 });
    join('a').connection.finish();
    join('a');
    join('b').connection.finish();
    join('c').connection.finish();
    expect(['a', 'b', 'c'].map((name) => endpoint(name)?.state)).toEqual([
      'READY',
      undefined,
      'DISCONNECTED',
    ]);
  });

  it('are all forgotten at once when none may be remembered', () => {
    const { states, told, join } = setUp({ maxDisconnectedEndpoints: 0 });
    join('a').connection.finish();
    expect(told.at(-1)).toBe('a DISCONNECTED');
    expect(states().at(-1)).toBe('');
  });
});

describe('endpoints$', () => {
  it('tells a late subscriber what there is, and completes with the registry', () => {
    const { registry, join } = setUp();
    join('site-1');
    const sizes: unknown[] = [];
    registry.endpoints$.subscribe({
      next: ({ size }) => sizes.push(size),
      complete: () => sizes.push('complete'),
    });
    registry.complete();
    expect(sizes).toEqual([1, 'complete']);
  });

  it('tells all subscribers of a change before it tells of one that a subscriber made upon it', () => {
    const { registry, join } = setUp();
    const seen: unknown[] = [];
    registry.endpoints$.subscribe((map) => {
      const session = registry.seat('site-1')?.session;
      if (session === undefined || map.get('site-1')?.state !== EndpointState.READY) return;
      registry.retire(session);
    });
    registry.endpoints$.subscribe((map) => seen.push(map.get('site-1')?.state));
    join('site-1');
    expect(seen).toEqual([undefined, EndpointState.READY, EndpointState.CLOSING, EndpointState.DISCONNECTED]);
  });

  it('never changes a map that it gave', () => {
    const { registry, join } = setUp();
    const maps: ReadonlyMap<string, Endpoint>[] = [];
    registry.endpoints$.subscribe((map) => maps.push(map));
    for (const name of ['a', 'b', 'c']) join(name);
    expect(maps.map((map) => [...map.keys()].join(''))).toEqual(['', 'a', 'ab', 'abc']);
  });
});

describe('endpoint(name)', () => {
  const stateOf = (endpoint: Endpoint | undefined) => endpoint?.state;

  it('shows one endpoint, now and on each change, and that it is forgotten', () => {
    const { registry, join } = setUp();
    const seen: unknown[] = [];
    registry.endpoint('site-1').subscribe((endpoint) => seen.push(stateOf(endpoint)));
    const { connection, session } = join('site-1');
    connection.holdsClose = true;
    registry.retire(session);
    connection.finish();
    registry.remove('site-1');
    expect(seen).toEqual([undefined, 'READY', 'CLOSING', 'DISCONNECTED', undefined]);
  });

  it('shows a late subscriber what there is, and a newcomer that is READY like the one before', () => {
    const { registry, join } = setUp();
    join('site-1', { level: 1 });
    const levels: unknown[] = [];
    registry.endpoint('site-1').subscribe((endpoint) => levels.push(endpoint?.properties.level));
    join('site-1', { level: 2 });
    expect(levels).toEqual([1, 2]);
  });

  it('completes with the registry, and shows a later subscriber what there was', () => {
    const { registry, join } = setUp();
    join('site-1');
    const seen: unknown[] = [];
    const show = () =>
      registry.endpoint('site-1').subscribe({
        next: (endpoint) => seen.push(stateOf(endpoint)),
        complete: () => seen.push('complete'),
      });
    show();
    registry.complete();
    show();
    expect(seen).toEqual(['READY', 'complete', 'READY', 'complete']);
  });

  it('costs nothing on changes of other endpoints', () => {
    const { registry, join } = setUp();
    const names = Array.from({ length: 100 }, (_, index) => `site-${index}`);
    const seen: unknown[] = [];
    for (const name of names) registry.endpoint(name).subscribe((endpoint) => seen.push(endpoint?.name));
    seen.length = 0;
    const passed = vi.spyOn(HotSource.prototype, 'next');
    onTestFinished(() => passed.mockRestore());
    const ofEndpoints = () => passed.mock.calls.filter(([value]) => value instanceof Endpoint).length;
    join('site-7');
    expect([ofEndpoints(), seen]).toEqual([1, ['site-7']]);
    join('nobody');
    expect([ofEndpoints(), seen]).toEqual([1, ['site-7']]);
  });
});
