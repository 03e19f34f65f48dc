import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import {
  BehaviorSubject,
  concat,
  defer,
  EMPTY,
  from,
  mergeMap,
  NEVER,
  type Observable,
  of,
  Subject,
  throwError,
  timer,
} from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import type { Connection } from '../../lib/transport/connection.js';
import { Connector, type ConnectorState, nextHandle } from '../../lib/transport/connector.js';
import { type Driver, type Listener, Mode } from '../../lib/transport/driver.js';
import { FakeConnection } from '../support/fake-connection.js';
import { FakeDriver } from '../support/fake-driver.js';

const refused = new CommError(CommErrorCode.NOT_READY, 'refused');

function connectorOf(driver: Driver, mode: Mode = Mode.ACTIVE, options: CommunicatorOptions = {}): Connector {
  const params = { scheme: 'fake', host: 'h', port: 1, path: '' };
  return new Connector('CH00007', driver, mode, params, resolveOptions({ reconnectJitter: 0, ...options }));
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapAfterGc(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function statesOf(connector: Connector): ConnectorState[] {
  const states: ConnectorState[] = [];
  connector.state$.subscribe((state) => states.push(state));
  return states;
}

describe('an active connector', () => {
  it('does nothing before start, and starts once', () => {
    const driver = new FakeDriver(NEVER);
    const connector = connectorOf(driver);
    expect([driver.open, statesOf(connector)]).toEqual([0, [{ type: 'idle' }]]);
    connector.start();
    connector.start();
    expect(driver.open).toBe(1);
    expect(driver.params).toBe(connector.params);
    connector.stop();
  });

  it('is starting, connected and stopped, and shows the connection', () => {
    const connection = new FakeConnection();
    const connector = connectorOf(new FakeDriver(concat(of(connection), NEVER)));
    const states = statesOf(connector);
    const shown: Connection[] = [];
    connector.connections$.subscribe((each) => shown.push(each));
    connector.start();
    connector.stop();
    expect(states.map(({ type }) => type)).toEqual(['idle', 'starting', 'connected', 'stopped']);
    expect(shown).toEqual([connection]);
  });

  it('tries again after each end, with what went wrong', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ cold, flush }) => {
      const connection = new FakeConnection();
      const ends = [throwError(() => refused), cold('c|', { c: connection }), NEVER];
      const driver = new FakeDriver(defer((): Observable<Connection> => ends.shift() ?? NEVER));
      const connector = connectorOf(driver, Mode.ACTIVE, { scheduler });
      const states = statesOf(connector);
      connector.start();
      timer(4_000, scheduler).subscribe(() => connector.stop());
      flush();
      expect(states).toEqual([
        { type: 'idle' },
        { type: 'starting' },
        { type: 'retrying', delayMs: 1_000, error: refused },
        { type: 'connected' },
        { type: 'retrying', delayMs: 2_000 },
        { type: 'stopped' },
      ]);
    });
  });

  it('gives up an attempt that takes longer than connectTimeoutMs, and lets go of it', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ flush }) => {
      const driver = new FakeDriver(NEVER);
      const connector = connectorOf(driver, Mode.ACTIVE, { scheduler, connectTimeoutMs: 3_000 });
      const states = statesOf(connector);
      connector.start();
      timer(3_500, scheduler).subscribe(() => {
        expect(driver.open).toBe(0);
        connector.stop();
      });
      flush();
      const error = expect.objectContaining({ code: CommErrorCode.TIMEOUT }) as unknown;
      expect(states).toContainEqual({ type: 'retrying', delayMs: 1_000, error });
    });
  });

  it('puts no time limit on a connection once it is made', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ cold, flush }) => {
      const driver = new FakeDriver(cold('2999ms c 60s c', { c: new FakeConnection() }));
      const connector = connectorOf(driver, Mode.ACTIVE, { scheduler, connectTimeoutMs: 3_000 });
      const states = statesOf(connector);
      connector.start();
      timer(100_000, scheduler).subscribe(() => connector.stop());
      flush();
      expect(states.some(({ type }) => type === 'retrying')).toBe(false);
    });
  });

  it('makes an Error of a driver a CommError that names the URL', () => {
    const connector = connectorOf(new FakeDriver(throwError(() => new Error('boom'))));
    const states = statesOf(connector);
    connector.start();
    connector.stop();
    const error = expect.objectContaining({
      code: CommErrorCode.ERROR,
      message: 'fake://h:1: boom',
    }) as unknown;
    expect(states).toContainEqual({ type: 'retrying', delayMs: 1_000, error });
  });

  it('lets its connection go on when halted, and makes no other', () => {
    const ends = new Subject<never>();
    const driver = new FakeDriver(concat(of(new FakeConnection()), ends));
    const connector = connectorOf(driver);
    const states = statesOf(connector);
    connector.start();
    connector.halt();
    expect(driver.open).toBe(1);
    ends.error(refused);
    expect(driver.open).toBe(0);
    expect(states.map(({ type }) => type)).toEqual(['idle', 'starting', 'connected', 'stopped']);
    connector.stop();
    expect(states).toHaveLength(4);
  });

  it('gives up an attempt under way when halted', () => {
    const attempt = new Subject<Connection>();
    const driver = new FakeDriver(attempt);
    const connector = connectorOf(driver);
    const shown: Connection[] = [];
    connector.connections$.subscribe((each) => shown.push(each));
    connector.start();
    expect(driver.open).toBe(1);
    connector.halt();
    expect(driver.open).toBe(0);
    attempt.next(new FakeConnection());
    expect(shown).toEqual([]);
    connector.stop();
  });

  it('lets a connection go on that is halted in the moment it is made', () => {
    const driver = new FakeDriver(concat(of(new FakeConnection()), NEVER));
    const connector = connectorOf(driver);
    connector.state$.subscribe(({ type }) => {
      if (type === 'connected') connector.halt();
    });
    const shown: Connection[] = [];
    connector.connections$.subscribe((each) => shown.push(each));
    connector.start();
    expect([driver.open, shown.length]).toEqual([1, 1]);
    connector.stop();
  });

  it('makes no attempt after a halt while it waits', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ flush }) => {
      let attempts = 0;
      const driver = new FakeDriver(
        defer(() => {
          attempts += 1;
          return throwError(() => refused);
        }),
      );
      const connector = connectorOf(driver, Mode.ACTIVE, { scheduler });
      const states = statesOf(connector);
      connector.start();
      timer(500, scheduler).subscribe(() => connector.halt());
      timer(60_000, scheduler).subscribe(() => connector.stop());
      flush();
      expect(attempts).toBe(1);
      expect(states.filter(({ type }) => type === 'retrying')).toHaveLength(1);
    });
  });

  it.each([Mode.ACTIVE, Mode.PASSIVE])(
    'never gives up and never spins: 10,000 failed attempts leave nothing behind: %s',
    (mode) => {
      const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
      scheduler.run(({ flush }) => {
        const [early, end] = [1_000, 11_000];
        let [attempts, most, heapAt1000, lastAt, shortest] = [0, 0, 0, -Infinity, Infinity];
        const failing$ = defer(() => {
          attempts += 1;
          most = Math.max(most, driver.open);
          if (attempts > 1) shortest = Math.min(shortest, scheduler.now() - lastAt);
          lastAt = scheduler.now();
          if (attempts === early) heapAt1000 = heapAfterGc();
          if (attempts === end) connector.stop();
          // Some fail at once, some later.
          return timer(attempts % 2, scheduler).pipe(mergeMap(() => throwError(() => new Error('refused'))));
        });
        const driver: FakeDriver = new FakeDriver(failing$, failing$);
        const connector = connectorOf(driver, mode, { scheduler });
        connector.start();
        flush();
        expect([attempts, most, driver.open]).toEqual([end, 1, 0]);
        expect(shortest).toBeGreaterThanOrEqual(1_000);
        // 100 bytes for each attempt would be more.
        expect(heapAfterGc() - heapAt1000).toBeLessThan((end - early) * 100);
      });
    },
  );

  it.each([Mode.ACTIVE, Mode.PASSIVE])('outlives a driver that throws: %s', (mode) => {
    const driver = new FakeDriver(NEVER);
    driver.connect = driver.listen = () => {
      throw refused;
    };
    const connector = connectorOf(driver, mode);
    const states = statesOf(connector);
    connector.start();
    expect(states.at(-1)).toEqual({ type: 'retrying', delayMs: 1_000, error: refused });
    connector.stop();
  });

  it('waits no longer than maxReconnectDelayMs, the first time either', () => {
    const driver = new FakeDriver(throwError(() => refused));
    const connector = connectorOf(driver, Mode.ACTIVE, { reconnectDelayMs: 500, maxReconnectDelayMs: 200 });
    const states = statesOf(connector);
    connector.start();
    connector.stop();
    expect(states).toContainEqual({ type: 'retrying', delayMs: 200, error: refused });
  });

  it('lets go of everything when stopped, and stays so', () => {
    const driver = new FakeDriver(concat(of(new FakeConnection()), NEVER));
    const connector = connectorOf(driver);
    let completed = 0;
    connector.state$.subscribe({ complete: () => (completed += 1) });
    connector.connections$.subscribe({ complete: () => (completed += 1) });
    connector.start();
    connector.stop();
    connector.stop();
    connector.start();
    expect([driver.open, completed]).toEqual([0, 2]);
  });

  it('counts none of the connections that it makes itself against the limits of listeners', () => {
    const connections = [new FakeConnection(), new FakeConnection()];
    const driver = new FakeDriver(concat(from(connections), NEVER));
    const connector = connectorOf(driver, Mode.ACTIVE, { maxConnections: 1 });
    connector.start();
    expect(connections.map(({ isOpen }) => isOpen)).toEqual([true, true]);
    connector.stop();
  });

  it('shows the frames of its connections, also after one broke', () => {
    const [broken, next] = [new FakeConnection(), new FakeConnection()];
    const connector = connectorOf(new FakeDriver(concat(of(broken, next), NEVER)));
    const frames: Uint8Array[] = [];
    connector.frames$.subscribe((frame) => frames.push(frame));
    connector.start();
    broken.deliver(Uint8Array.of(1));
    broken.finish(refused);
    next.deliver(Uint8Array.of(2));
    expect(frames).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    connector.stop();
  });
});

describe('a passive connector', () => {
  function listening() {
    const accepted = new Subject<Connection>();
    const bound = new BehaviorSubject<Listener>({ url: 'fake://h:4711', connections$: accepted });
    const driver = new FakeDriver(NEVER, bound);
    const connector = connectorOf(driver, Mode.PASSIVE);
    const shown: Connection[] = [];
    connector.connections$.subscribe((connection) => shown.push(connection));
    return { accepted, bound, driver, connector, shown };
  }

  it('is listening with the real port, and shows each connection', () => {
    const { accepted, connector, shown } = listening();
    const states = statesOf(connector);
    connector.start();
    const connections = [new FakeConnection(), new FakeConnection()];
    for (const connection of connections) accepted.next(connection);
    expect(states.at(-1)).toEqual({ type: 'listening', url: 'fake://h:4711' });
    expect(shown).toEqual(connections);
    connector.stop();
  });

  it('lets go of its listener when halted, and takes no more connections', () => {
    const { accepted, driver, connector, shown } = listening();
    const states = statesOf(connector);
    connector.start();
    connector.halt();
    accepted.next(new FakeConnection());
    expect([driver.open, shown]).toEqual([0, []]);
    expect(states.at(-1)?.type).toBe('stopped');
    connector.stop();
  });

  it('binds again when its listener breaks', () => {
    const { bound, driver, connector } = listening();
    const states = statesOf(connector);
    connector.start();
    bound.error(refused);
    expect(states.at(-1)).toEqual({ type: 'retrying', delayMs: 1_000, error: refused });
    expect(driver.open).toBe(0);
    connector.stop();
  });
});

describe('a passive connector at its limit of strangers', () => {
  /** It may have two; answers what becomes of those that come, each after what is noted of those before. */
  function openAfter(note: (connector: Connector, connection: Connection, index: number) => void) {
    const accepted = new Subject<Connection>();
    const listener = new BehaviorSubject<Listener>({ url: 'fake://h:1', connections$: accepted });
    const options = { maxUnauthenticatedConnections: 2 };
    const connector = connectorOf(new FakeDriver(NEVER, listener), Mode.PASSIVE, options);
    connector.start();
    const connections = [new FakeConnection(), new FakeConnection(), new FakeConnection()];
    connections.forEach((connection, index) => {
      accepted.next(connection);
      note(connector, connection, index);
    });
    const open = connections.map(({ isOpen }) => isOpen);
    connector.stop();
    return open;
  }

  it('closes the oldest', () => {
    expect(openAfter(() => undefined)).toEqual([false, true, true]);
  });

  it('closes one that has said nothing before one that has said who it is', () => {
    const note = (connector: Connector, connection: Connection, index: number) => {
      if (index === 0) connector.greeted(connection);
    };
    expect(openAfter(note)).toEqual([true, false, true]);
  });

  it('counts nobody whose handshake is done', () => {
    const note = (connector: Connector, connection: Connection) => connector.handshakeDone(connection);
    expect(openAfter(note)).toEqual([true, true, true]);
  });
});

describe('the view of a connector', () => {
  it('shows its handle, mode, URL and streams, and nothing to work it with', () => {
    const connection = new FakeConnection();
    const connector = connectorOf(new FakeDriver(concat(of(connection), NEVER)));
    const { view } = connector;
    expect(Object.keys(view).sort()).toEqual(
      ['handle', 'mode', 'url', 'state$', 'connections$', 'frames$'].sort(),
    );
    expect([view.handle, view.mode, view.url]).toEqual(['CH00007', Mode.ACTIVE, 'fake://h:1']);
    connector.start();
    const shown: Connection[] = [];
    view.connections$.subscribe((each) => shown.push(each));
    expect(shown).toEqual([connection]);
    connection.finish();
    view.connections$.subscribe((each) => shown.push(each));
    expect(shown).toEqual([connection]);
    connector.stop();
  });
});

describe('started', () => {
  it('resolves with the first state that is worth it', async () => {
    const bound = new Subject<Listener>();
    const connector = connectorOf(new FakeDriver(NEVER, bound), Mode.PASSIVE);
    const started = connector.started();
    connector.start();
    bound.next({ url: 'fake://h:1', connections$: NEVER });
    await expect(started).resolves.toEqual({ type: 'listening', url: 'fake://h:1' });
    connector.stop();
  });

  it('resolves where the first attempt ends without an error, and the connector goes on trying', async () => {
    const connector = connectorOf(new FakeDriver(NEVER, EMPTY), Mode.PASSIVE);
    connector.start();
    await expect(connector.started()).resolves.toEqual({ type: 'retrying', delayMs: 1_000 });
    connector.stop();
  });

  it('does not wait for a listener that is attached to a server of somebody else', async () => {
    const driver = new FakeDriver(NEVER);
    const attached: Driver = Object.assign(driver, {
      capabilities: { ...driver.capabilities, attached: true },
    });
    const connector = connectorOf(attached, Mode.PASSIVE);
    const started = connector.started();
    connector.start();
    await expect(started).resolves.toEqual({ type: 'starting' });
    connector.stop();
  });

  it('rejects when the first attempt fails, and the connector goes on trying', async () => {
    const connector = connectorOf(
      new FakeDriver(
        NEVER,
        throwError(() => refused),
      ),
      Mode.PASSIVE,
    );
    const states = statesOf(connector);
    connector.start();
    await expect(connector.started()).rejects.toBe(refused);
    expect(states.at(-1)?.type).toBe('retrying');
    connector.stop();
  });
});

describe('started of a connector that is stopped', () => {
  const closed = { code: CommErrorCode.CLOSED, message: 'fake://h:1: the connector is stopped' };

  it('rejects with CLOSED, be it before the first attempt is done or after', async () => {
    const connector = connectorOf(new FakeDriver(NEVER), Mode.PASSIVE);
    const [early, started] = [connector.started(), connector.started()];
    connector.start();
    connector.stop();
    await expect(early).rejects.toMatchObject(closed);
    await expect(started).rejects.toMatchObject(closed);
    await expect(connector.started()).rejects.toMatchObject(closed);
  });

  it('rejects with CLOSED where it was never started', async () => {
    const connector = connectorOf(new FakeDriver(NEVER));
    connector.stop();
    await expect(connector.started()).rejects.toMatchObject(closed);
  });
});

describe('handles', () => {
  it('are counted over the process, as NVFlare writes them', () => {
    const [first, second] = [nextHandle(), nextHandle()];
    expect(first).toMatch(/^CH\d{5}$/);
    expect(Number(second.slice(2))).toBe(Number(first.slice(2)) + 1);
  });
});

describe('failed handshakes of a listener', () => {
  it('are reported at most once a second, with how many there were', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ cold, expectObservable }) => {
      const failure = { peerAddr: '127.0.0.1:2', error: refused };
      const failures$ = cold('f 499ms f 199ms f 2s f', { f: failure });
      const listener: Listener = { url: 'fake://h:1', connections$: NEVER, failures$ };
      const driver = new FakeDriver(NEVER, concat(of(listener), NEVER));
      const connector = connectorOf(driver, Mode.PASSIVE, { scheduler });
      const report = (connections: number) => ({ ...failure, connections });
      expectObservable(connector.failed$).toBe('a 999ms b 1700ms c', {
        a: report(1),
        b: report(3),
        c: report(4),
      });
      connector.start();
    });
  });
});
