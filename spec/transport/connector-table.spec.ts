import { BehaviorSubject, concat, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { resolveOptions } from '../../lib/options.js';
import type { Connection } from '../../lib/transport/connection.js';
import type { ConnectorEvent } from '../../lib/transport/connector-event.js';
import { type ConnectorConnection, ConnectorTable } from '../../lib/transport/connector-table.js';
import { type Driver, type Listener, Mode } from '../../lib/transport/driver.js';
import { FakeConnection } from '../support/fake-connection.js';
import { FakeDriver } from '../support/fake-driver.js';

const refused = new CommError(CommErrorCode.NOT_READY, 'refused');
const params = { scheme: 'fake', host: 'h', port: 1, path: '' };

function setUp() {
  const options = resolveOptions({ reconnectJitter: 0, maxUnauthenticatedConnections: 1 });
  const table = new ConnectorTable(options);
  const events: ConnectorEvent[] = [];
  table.events$.subscribe((event) => events.push(event));
  const shown: ConnectorConnection[] = [];
  table.connections$.subscribe((each) => shown.push(each));
  return { table, events, shown };
}

function driverThat(can: Partial<Driver['capabilities']>, check?: Driver['check']): Driver {
  const driver = new FakeDriver(NEVER);
  return Object.assign(driver, {
    capabilities: { ...driver.capabilities, ...can },
    ...(check === undefined ? {} : { check }),
  });
}

describe('a connector table', () => {
  it('has its connectors by handle and in the order added, until they are removed', () => {
    const { table } = setUp();
    const driver = new FakeDriver(NEVER);
    const first = table.add(driver, Mode.ACTIVE, params);
    const second = table.add(driver, Mode.PASSIVE, params);
    expect([table.all, table.get(first.handle), table.get('CH')]).toEqual([
      [first, second],
      first,
      undefined,
    ]);
    first.start();
    table.remove(first);
    expect([table.all, table.get(first.handle), driver.open]).toEqual([[second], undefined, 0]);
  });

  it('shows the connections of all its connectors with the connector that each came of', () => {
    const { table, shown } = setUp();
    const connections = [new FakeConnection(), new FakeConnection()];
    const connectors = connections.map((connection) =>
      table.add(new FakeDriver(concat(of(connection), NEVER)), Mode.ACTIVE, params),
    );
    for (const connector of connectors) connector.start();
    expect(shown).toEqual(
      connections.map((connection, index) => ({ connector: connectors[index], connection })),
    );
    for (const connector of connectors) table.remove(connector);
  });

  it('completes its streams when its connectors are stopped and it is complete', () => {
    const { table } = setUp();
    let completed = 0;
    table.events$.subscribe({ complete: () => (completed += 1) });
    table.connections$.subscribe({ complete: () => (completed += 1) });
    table.remove(table.add(new FakeDriver(NEVER), Mode.ACTIVE, params));
    expect(completed).toBe(0);
    table.complete();
    expect(completed).toBe(2);
  });
});

describe('the events of a connector table', () => {
  it('tell that a listener is bound, that it is at a limit, and of failed handshakes', () => {
    const { table, events } = setUp();
    const accepted = new Subject<Connection>();
    const failures$ = of({ peerAddr: '127.0.0.1:2', error: refused });
    const listener: Listener = { url: 'fake://h:4711', connections$: accepted, failures$ };
    const driver = new FakeDriver(NEVER, new BehaviorSubject(listener));
    const connector = table.add(driver, Mode.PASSIVE, params);
    connector.start();
    const { handle } = connector;
    const url = 'fake://h:1';
    accepted.next(new FakeConnection());
    accepted.next(new FakeConnection());
    const limited = {
      type: 'limited',
      limit: 'maxUnauthenticatedConnections',
      peerAddr: '127.0.0.1:2000',
      connections: 1,
      message: expect.stringContaining('maxUnauthenticatedConnections = 1') as unknown,
    };
    expect(events).toEqual([
      { type: 'listening', handle, url: 'fake://h:4711' },
      { type: 'handshake-failed', handle, url, peerAddr: '127.0.0.1:2', error: refused, connections: 1 },
      { ...limited, handle, url },
    ]);
    table.remove(connector);
  });

  it('tell of each attempt that failed, and of no other state', () => {
    const { table, events } = setUp();
    const connector = table.add(new FakeDriver(throwError(() => refused)), Mode.ACTIVE, params);
    connector.start();
    table.remove(connector);
    const { handle, url } = connector;
    expect(events).toEqual([
      {
        type: 'retrying',
        handle,
        url,
        mode: Mode.ACTIVE,
        delayMs: 1_000,
        attemptedAt: expect.any(Number) as number,
        error: refused,
      },
    ]);
  });
});

describe('a connector that can never work', () => {
  const refusal = (code: CommErrorCode) => expect.objectContaining({ code }) as Error;

  it('is BAD_CONFIG with TLS on a driver that cannot encrypt', () => {
    const { table } = setUp();
    const add = (can: Partial<Driver['capabilities']>, secure: boolean) =>
      table.add(driverThat(can), Mode.ACTIVE, { ...params, secure });
    expect(() => add({ tls: false }, true)).toThrow(refusal(CommErrorCode.BAD_CONFIG));
    expect(table.all).toEqual([]);
    expect([add({ tls: true }, true), add({ tls: true }, false), add({ tls: false }, false)]).toEqual(
      table.all,
    );
  });

  it('is NOT_SUPPORTED as a listener on a driver that cannot listen', () => {
    const { table } = setUp();
    const driver = driverThat({ listen: false });
    expect(() => table.add(driver, Mode.PASSIVE, params)).toThrow(refusal(CommErrorCode.NOT_SUPPORTED));
    expect(table.all).toEqual([]);
    expect([table.add(driver, Mode.ACTIVE, params)]).toEqual(table.all);
  });

  it('is what the check of its driver says, which sees mode and parameters', () => {
    const { table } = setUp();
    const seen: unknown[] = [];
    const driver = driverThat({}, (...checked) => {
      seen.push(checked);
      throw refused;
    });
    expect(() => table.add(driver, Mode.PASSIVE, params)).toThrow(refused);
    expect([seen, table.all]).toEqual([[[Mode.PASSIVE, params]], []]);
  });
});
