import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import type { LifecycleEvent } from '../../lib/lifecycle.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import { admit, admitAll } from '../../lib/sfm/admit.js';
import { EndpointRegistry } from '../../lib/sfm/endpoint-registry.js';
import type { Session } from '../../lib/sfm/session.js';
import { FakeConnection, helloOf, sessionOn } from '../support/fake-connection.js';

const reset = new CommError(CommErrorCode.CLOSED, 'reset');

function setUp(options: CommunicatorOptions = {}) {
  const lifecycle = new Subject<LifecycleEvent>();
  const registry = new EndpointRegistry(resolveOptions(options), lifecycle);
  const told: string[] = [];
  const events: LifecycleEvent[] = [];
  lifecycle.subscribe((event) => {
    events.push(event);
    told.push(event.type === 'endpoint' ? `${event.endpoint.name} ${event.endpoint.state}` : event.type);
  });
  const maps: ReadonlyMap<string, Endpoint>[] = [];
  registry.endpoints$.subscribe((map) => maps.push(map));
  const states = () =>
    maps.map((map) => [...map.values()].map(({ name, state }) => `${name} ${state}`).join(', '));

  /** A connection whose session tells the registry all. */
  function open(): { connection: FakeConnection; session: Session } {
    const connection = new FakeConnection();
    const session = sessionOn(connection);
    session.events$.pipe(admit(admitAll)).subscribe((event) => registry.apply(event));
    return { connection, session };
  }

  /** The same, with the handshake done. */
  function join(name: string, properties = {}): { connection: FakeConnection; session: Session } {
    const opened = open();
    opened.connection.deliver(helloOf(new Endpoint(name, properties)));
    return opened;
  }

  return { registry, events, told, states, open, join };
}

describe('an endpoint', () => {
  it('is READY at the handshake and DISCONNECTED at the end, and each is told once, in order', () => {
    const { registry, told, states, join } = setUp();
    const { connection } = join('site-1', { level: 1 });
    expect(registry.peer('site-1')?.endpoint).toMatchObject({
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
    const before = registry.peer('site-1');
    join('site-1', { level: 2 });
    expect(registry.peer('site-1')).toBe(before);
    expect(before?.endpoint.properties).toEqual({ level: 2 });
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
      seen.map((endpoint) => ({ type: 'endpoint', endpoint })),
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

  it('is the peer of its live session alone', () => {
    const { registry, open, join } = setUp();
    const { connection, session } = join('site-1');
    expect(registry.peerOf(session)).toBe(registry.peer('site-1'));
    expect(registry.peerOf(open().session)).toBeUndefined();
    connection.finish();
    expect(registry.peerOf(session)).toBeUndefined();
  });
});

describe('messages to an endpoint', () => {
  it('wait until its session has settled', () => {
    const { registry, join } = setUp();
    const { connection, session } = join('site-1');
    registry.peer('site-1')?.send(1, {});
    const before = connection.sent.length;
    session.settle();
    expect(connection.sent.length).toBe(before + 1);
  });

  it('that waited, or were not written, are told as dropped before the disconnection', () => {
    const { registry, told, events, join } = setUp();
    const { connection } = join('site-1');
    registry.peer('site-1')?.send(1, { payload: new Uint8Array(84) });
    connection.bufferedFrames = 2;
    connection.bufferedBytes = 50;
    connection.finish(reset);
    expect(told.slice(2)).toEqual(['dropped', 'disconnected', 'site-1 DISCONNECTED']);
    const loss = { reason: 'disconnected', endpointName: 'site-1', messages: 3, bytes: 150 };
    expect(events[2]).toEqual({ type: 'dropped', ...loss });
    expect(registry.peer('site-1')?.queue.content.messages).toBe(0);
  });

  it('are refused while its connection is closing, so that none is lost without a word', () => {
    const { registry, told, join } = setUp();
    const { connection, session } = join('site-1');
    session.settle();
    connection.holdsClose = true;
    void session.close();
    const notReady = expect.objectContaining({ code: CommErrorCode.NOT_READY }) as Error;
    expect(() => registry.peer('site-1')?.send(1, { payload: new Uint8Array(84) })).toThrow(notReady);
    expect(told).not.toContain('disconnected');
    connection.finish();
    expect(told.slice(2)).toEqual(['disconnected', 'site-1 DISCONNECTED']);
  });

  it('are refused after it is gone', () => {
    const { registry, join } = setUp();
    join('site-1').connection.finish();
    const closed = expect.objectContaining({ code: CommErrorCode.CLOSED }) as Error;
    expect(() => registry.peer('site-1')?.send(1, {})).toThrow(closed);
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
    const { registry, told, join } = setUp();
    join('site-1');
    registry.peer('site-1')?.send(1, { payload: Uint8Array.of(9) });
    const { connection, session } = join('site-1');
    expect(connection.frames.some(({ payload }) => payload?.[0] === 9)).toBe(false);
    session.settle();
    expect(connection.frames.at(-1)?.payload).toEqual(Uint8Array.of(9));
    expect(told).not.toContain('dropped');
  });

  it('gets what is sent before it has settled, and the older one gets nothing more', () => {
    const { registry, told, join } = setUp();
    const older = join('site-1');
    older.session.settle();
    const { connection, session } = join('site-1');
    const before = older.connection.sent.length;
    registry.peer('site-1')?.send(1, { payload: Uint8Array.of(9) });
    expect(older.connection.sent.length).toBe(before);
    session.settle();
    expect(connection.frames.at(-1)?.payload).toEqual(Uint8Array.of(9));
    expect(told).not.toContain('dropped');
  });

  it('is the one whose end disconnects the endpoint', () => {
    const { registry, told, join } = setUp();
    join('site-1');
    const { connection } = join('site-1');
    expect(registry.peer('site-1')?.endpoint.state).toBe(EndpointState.READY);
    connection.finish();
    expect(told.filter((line) => line === 'site-1 DISCONNECTED')).toHaveLength(1);
  });

  it('counts stream IDs on from the older one', () => {
    const { registry, join } = setUp();
    join('site-1').session.settle();
    registry.peer('site-1')?.send(1, {});
    const { connection, session } = join('site-1');
    session.settle();
    registry.peer('site-1')?.send(1, {});
    expect(connection.frames.at(-1)?.streamId).toBe(18);
  });
});

describe('a session that is overdue', () => {
  it('is closed with TIMEOUT', () => {
    const { registry, events, open } = setUp();
    const { session } = open();
    registry.apply({ type: 'overdue', session });
    expect(events.at(-1)).toMatchObject({ type: 'disconnected', error: { code: CommErrorCode.TIMEOUT } });
  });
});

describe('an endpoint that is retired', () => {
  it('is CLOSING until its connection has ended, and each is told once', () => {
    const { registry, told, states, join } = setUp();
    const { connection, session } = join('site-1');
    connection.holdsClose = true;
    expect(registry.retire(session)).toBe(registry.peer('site-1'));
    expect(registry.retire(session)).toBe(registry.peer('site-1'));
    void session.close();
    expect(registry.peer('site-1')?.endpoint.state).toBe(EndpointState.CLOSING);
    connection.finish();
    expect(told.slice(2)).toEqual(['site-1 CLOSING', 'disconnected', 'site-1 DISCONNECTED']);
    expect(states()).toEqual(['', 'site-1 READY', 'site-1 CLOSING', 'site-1 DISCONNECTED']);
  });

  it('takes no more messages, and keeps what waits', () => {
    const { registry, join } = setUp();
    const { connection, session } = join('site-1');
    const peer = registry.peer('site-1');
    peer?.send(1, { payload: Uint8Array.of(9) });
    registry.retire(session);
    const notReady = expect.objectContaining({ code: CommErrorCode.NOT_READY }) as Error;
    expect(() => peer?.send(1, {})).toThrow(notReady);
    session.settle();
    expect(connection.frames.at(-1)?.payload).toEqual(Uint8Array.of(9));
  });

  it('is READY again, and told so, when a newcomer takes its name before it has closed', () => {
    const { registry, told, join } = setUp();
    const older = join('site-1');
    registry.retire(older.session);
    join('site-1');
    expect(registry.peer('site-1')?.endpoint.state).toBe(EndpointState.READY);
    expect(told.filter((line) => line.startsWith('site-1'))).toEqual([
      'site-1 READY',
      'site-1 CLOSING',
      'site-1 READY',
    ]);
  });

  it('is none where the session is not its live connection', () => {
    const { registry, told, open, join } = setUp();
    const older = join('site-1').session;
    join('site-1');
    const before = told.length;
    expect(registry.retire(older)).toBeUndefined();
    expect(registry.retire(open().session)).toBeUndefined();
    expect(registry.peer('site-1')?.endpoint.state).toBe(EndpointState.READY);
    expect(told.slice(before)).toEqual(['connected']);
  });
});

describe('forgetting an endpoint', () => {
  it('takes one that is gone out of the map, and out of the gone', () => {
    const { registry, told, states, join } = setUp({ maxDisconnectedEndpoints: 1 });
    join('site-1').connection.finish();
    const before = told.length;
    registry.forget('site-1');
    expect(registry.peer('site-1')).toBeUndefined();
    expect(told.length).toBe(before);
    expect(states()).toEqual(['', 'site-1 READY', 'site-1 DISCONNECTED', '']);
    join('site-2').connection.finish();
    expect(registry.peer('site-2')).toBeDefined();
  });

  it('does nothing about one that was never seen', () => {
    const { registry, states } = setUp();
    registry.forget('site-9');
    expect(states()).toEqual(['']);
  });

  it('does nothing about one that has a connection, be it a newcomer', () => {
    const { registry, states, join } = setUp();
    const older = join('site-1');
    older.connection.holdsClose = true;
    registry.retire(older.session);
    registry.forget('site-1');
    const newer = join('site-1');
    registry.forget('site-1');
    expect(registry.peerOf(newer.session)).toBe(registry.peer('site-1'));
    expect(states().at(-1)).toBe('site-1 READY');
  });
});

describe('disconnected endpoints', () => {
  it('are forgotten beyond a number, the longest gone first', () => {
    const { registry, join } = setUp({ maxDisconnectedEndpoints: 2 });
    const connections = ['a', 'b', 'c', 'd'].map((name) => join(name).connection);
    const [a, b, c, d] = connections;
    for (const connection of [c, a, d, b]) connection?.finish();
    const known = ['a', 'b', 'c', 'd'].filter((name) => registry.peer(name) !== undefined);
    expect(known).toEqual(['b', 'd']);
  });

  it('that came back are not among the gone', () => {
    const { registry, join } = setUp({ maxDisconnectedEndpoints: 1 });
    join('a').connection.finish();
    join('a');
    join('b').connection.finish();
    join('c').connection.finish();
    expect(['a', 'b', 'c'].map((name) => registry.peer(name)?.endpoint.state)).toEqual([
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
      const session = registry.peer('site-1')?.session;
      if (session === undefined || map.get('site-1')?.state !== EndpointState.READY) return;
      registry.retire(session);
      void session.close();
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
