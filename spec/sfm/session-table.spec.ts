import { takeUntil, timer, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Endpoint } from '../../lib/endpoint.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import type { SessionRole } from '../../lib/sfm/session-context.js';
import type { SessionLife } from '../../lib/sfm/session-life.js';
import { SessionTable } from '../../lib/sfm/session-table.js';
import { Mode } from '../../lib/transport/driver.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frameOf } from '../support/bytes.js';
import { admitAll } from '../../lib/sfm/with-admission.js';
import { FakeConnection, helloOf } from '../support/fake-connection.js';

const role: SessionRole = {
  handle: 'CH00001',
  scheme: 'tcp',
  mode: Mode.PASSIVE,
  mtls: false,
  heartbeat: true,
};
const nothing = { messages: 0, bytes: 0 };

function setUp(options: CommunicatorOptions = {}) {
  const router = new MessageRouter(1_000);
  const table = new SessionTable({
    local: new Endpoint('hub'),
    options: resolveOptions({ settleTimeoutMs: 0, scheduler: new VirtualTimeScheduler(), ...options }),
    router,
    decide: admitAll,
  });
  /** A connection whose session is in the table. */
  function open(more: Partial<SessionRole> = {}, connection = new FakeConnection()): FakeConnection {
    table.run(connection, { ...role, ...more }).subscribe((event) => {
      if (event.type === 'admitted') event.session.welcome(event.endpoint, () => 17);
    });
    return connection;
  }
  /** The same, with the handshake done. */
  function join(name: string, more: Partial<SessionRole> = {}): FakeConnection {
    const connection = open(more);
    connection.deliver(helloOf(new Endpoint(name)));
    return connection;
  }
  return { router, table, open, join };
}

describe('the statistics of a session table', () => {
  it('show a connection that has not said who it is, and none that has ended', () => {
    const { table, open } = setUp();
    const { name } = open();
    open().finish();
    expect(table.stats).toStrictEqual([
      {
        name,
        handle: 'CH00001',
        scheme: 'tcp',
        localAddr: '127.0.0.1:1000',
        peerAddr: '127.0.0.1:2000',
        sent: nothing,
        received: nothing,
        buffered: nothing,
        pendingBytes: 0,
        isPaused: false,
      },
    ]);
  });

  it('show the endpoint, what waits in the connection, what receivers hold, and a pause', () => {
    const { router, table, join } = setUp();
    const connection = join('site-1');
    router.register(1, () => new Promise<never>(() => undefined));
    connection.deliver(frameOf({ type: FrameType.DATA, appId: 1, streamId: 17 }, new Uint8Array(2_000)));
    [connection.bufferedFrames, connection.bufferedBytes] = [2, 30];
    expect(table.stats).toMatchObject([
      {
        endpointName: 'site-1',
        received: { messages: 1, bytes: 2_016 },
        buffered: { messages: 2, bytes: 30 },
        pendingBytes: router.pendingBytes(connection),
        isPaused: true,
      },
    ]);
    expect(router.pendingBytes(connection)).toBeGreaterThan(2_000);
  });

  it('show the TLS version where there is one', () => {
    const { table, open } = setUp();
    open({}, new FakeConnection({ local_addr: '', peer_addr: '', tls: 'TLSv1.3' }));
    expect(table.stats).toMatchObject([{ tls: 'TLSv1.3' }]);
  });
});

describe('the live sessions of a table', () => {
  it('are found by the handles of their connectors', () => {
    const { table, open } = setUp();
    const connections = ['CH00001', 'CH00002', 'CH00003', 'CH00001'].map((handle) => open({ handle }));
    const found = table.of(new Set(['CH00001', 'CH00003']));
    expect(found.map(({ connection }) => connection)).toEqual([
      connections[0],
      connections[2],
      connections[3],
    ]);
  });

  it('are asked for signs of life where they are ready and their transport can lose them', () => {
    const scheduler = new VirtualTimeScheduler();
    const { table, open, join } = setUp({
      scheduler,
      heartbeatIntervalMs: 1_000,
      heartbeatTimeoutMs: 2_000,
      handshakeTimeoutMs: 60_000,
    });
    const seen: [string, number, unknown][] = [];
    const note = (event: SessionLife) => {
      seen.push([event.type, scheduler.now(), event.session.connection]);
    };
    open();
    join('site-1', { heartbeat: false });
    const asked = join('site-2');
    table.heartbeat$.pipe(takeUntil(timer(3_500, scheduler))).subscribe(note);
    scheduler.flush();
    const [ask, silent] = seen;
    expect([ask?.[0], ask?.[2], silent?.[0], silent?.[2]]).toEqual(['ask', asked, 'silent', asked]);
    expect((silent?.[1] ?? 0) - (ask?.[1] ?? 0)).toBe(2_000);
    expect(new Set(seen.map(([, , connection]) => connection))).toEqual(new Set([asked]));
  });
});
