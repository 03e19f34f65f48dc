import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import {
  ConnectionLimiter,
  ConnectionLimitError,
  type LimitReport,
} from '../../lib/transport/connection-limiter.js';
import { FakeConnection } from '../support/fake-connection.js';

function setUp(options: CommunicatorOptions) {
  const limiter = new ConnectionLimiter(resolveOptions(options));
  const reports: LimitReport[] = [];
  limiter.reports$.subscribe((report) => reports.push(report));
  let port = 2000;
  /** A connection that asks to come in. Like a connector, it says so when it has ended. */
  const come = (host = '10.0.0.1') => {
    const connection = new FakeConnection({ local_addr: '', peer_addr: `${host}:${(port += 1)}` });
    const ended = { error: undefined as unknown };
    connection.closed$.subscribe({ error: (error: unknown) => (ended.error = error) });
    const isIn = limiter.enter(connection);
    return { connection, isIn, ended };
  };
  const site = (host?: string) => {
    const made = come(host);
    limiter.handshakeDone(made.connection);
    return made;
  };
  return { limiter, reports, come, site };
}

const isOpen = ({ connection }: { connection: FakeConnection }) => connection.isOpen;

describe('maxUnauthenticatedConnections', () => {
  it('closes the oldest without a handshake, and lets the newcomer in', () => {
    const { come, site } = setUp({ maxUnauthenticatedConnections: 2 });
    const old = site();
    const silent = [come(), come(), come(), come()];
    expect(silent.every(({ isIn }) => isIn)).toBe(true);
    expect(silent.map(isOpen)).toEqual([false, false, true, true]);
    expect(isOpen(old)).toBe(true);
    expect(silent[0]?.ended.error).toBeInstanceOf(ConnectionLimitError);
    expect(silent[0]?.ended.error).toMatchObject({
      name: 'ConnectionLimitError',
      code: CommErrorCode.NOT_READY,
      limit: 'maxUnauthenticatedConnections',
      message: expect.stringMatching(/10\.0\.0\.1:2002: .* maxUnauthenticatedConnections = 2/) as unknown,
    });
  });

  it('closes those that have said nothing before those that wait for an answer, the oldest first', () => {
    const { limiter, come } = setUp({ maxUnauthenticatedConnections: 3 });
    const [first, second, third] = [come(), come(), come()];
    limiter.greeted(first.connection);
    limiter.greeted(third.connection);
    const all = [first, second, third];
    for (let count = 0; count < 2; count += 1) {
      const next = come();
      limiter.greeted(next.connection);
      all.push(next);
    }
    expect(all.map(isOpen)).toEqual([false, false, true, true, true]);
    limiter.handshakeDone(third.connection);
    expect([come().isIn, ...all.map(isOpen)]).toEqual([true, false, false, true, true, true]);
  });

  it('counts one that waits for an answer like one that has said nothing, and not when it has gone', () => {
    const { limiter, come } = setUp({ maxUnauthenticatedConnections: 2 });
    const [first, second] = [come(), come()];
    limiter.greeted(first.connection);
    limiter.greeted(second.connection);
    limiter.leave(first.connection);
    limiter.greeted(first.connection);
    expect([come().isIn, isOpen(second)]).toEqual([true, true]);
    expect([come().isIn, isOpen(second)]).toEqual([true, true]);
  });

  it('does not count those that have done it, or have gone', () => {
    const { limiter, come, site } = setUp({ maxUnauthenticatedConnections: 2 });
    const first = come();
    for (let count = 0; count < 10; count += 1) site();
    for (let count = 0; count < 10; count += 1) limiter.leave(come().connection);
    expect([isOpen(first), isOpen(come())]).toEqual([true, true]);
  });
});

describe('maxConnections', () => {
  it('closes the newcomer where all have done their handshake, and takes one again when one has gone', () => {
    const { limiter, come, site } = setUp({ maxConnections: 2 });
    const [first, second] = [site(), site()];
    const third = come();
    expect([third.isIn, isOpen(third)]).toEqual([false, false]);
    expect([isOpen(first), isOpen(second)]).toEqual([true, true]);
    limiter.leave(first.connection);
    limiter.leave(first.connection);
    expect([come().isIn, site().isIn, site().isIn]).toEqual([true, true, false]);
  });

  it('closes one without a handshake before that, from wherever it came', () => {
    const { come, site } = setUp({ maxConnections: 2, maxConnectionsPerAddress: 2 });
    const [old, silent] = [site('10.0.0.1'), come('10.0.0.2')];
    expect([site('10.0.0.1').isIn, isOpen(silent), isOpen(old)]).toEqual([true, false, true]);
  });

  it('closes the oldest without a handshake before that', () => {
    const { come, site } = setUp({ maxConnections: 3 });
    const [old, silent] = [site(), come()];
    come();
    expect([site().isIn, isOpen(silent), isOpen(old)]).toEqual([true, false, true]);
  });
});

describe('maxConnectionsPerAddress', () => {
  it('counts each host for itself, whatever the port, be it IPv4, IPv6 or no address at all', () => {
    const { limiter, site } = setUp({ maxConnectionsPerAddress: 1 });
    const tcp = ['10.0.0.1', '10.0.0.2', '[::1]', '[2001:db8::1]'];
    const hosts = [...tcp, '/dir/[::1]#active', '/dir/b[::1]#active', 'N/A'];
    const firsts = hosts.map(site);
    expect(firsts.map(({ isIn }) => isIn)).toEqual(hosts.map(() => true));
    expect(hosts.map((host) => site(host).isIn)).toEqual(hosts.map(() => false));
    for (const { connection } of firsts) limiter.leave(connection);
    expect(hosts.map((host) => site(host).isIn)).toEqual(hosts.map(() => true));
  });

  it.each([
    ['[2001:db8:0:1::1]', '[2001:db8:0:1:ffff::2]', '[2001:db8:0:2::1]'],
    ['[2001:db8::1]', '[2001:db8:0:0:1:2:3:4]', '[2001:db8:1::1]'],
    ['[::1]', '[::2:3]', '[1::]'],
    ['[::]', '[0:0:0:0:1:2:3:4]', '[0:0:0:1::]'],
    ['[1::4:5:6:7:8]', '[1:0:0:4:9:9:9:9]', '[1:0:0:5::]'],
    ['[::3:4:5:6:7:8]', '[0:0:3:4::]', '[0:3:4:5::]'],
    ['[1:2:3:4:5:6:7::]', '[1:2:3:4::]', '[1:2:3::]'],
    ['[1:23::1]', '[1:23:0::2]', '[12:3::1]'],
    ['[2001:DB8::1]', '[2001:DB8::2]', '[2001:DB9::1]'],
    ['[fe80::1%eth0]', '[fe80::2%eth1]', '[fe80:0:0:1::1]'],
  ])('counts an IPv6 network of 64 bits as one: %s with %s, and not %s', (one, same, other) => {
    const { site } = setUp({ maxConnectionsPerAddress: 1 });
    expect([one, same, other].map((host) => site(host).isIn)).toEqual([true, false, true]);
  });

  it('closes the oldest of that host without a handshake, and none of another', () => {
    const { come, site } = setUp({ maxConnectionsPerAddress: 2 });
    const [other, silent, old] = [come('10.0.0.2'), come(), site()];
    expect(site().isIn).toBe(true);
    expect([isOpen(other), isOpen(silent), isOpen(old)]).toEqual([true, false, true]);
    expect(site().isIn).toBe(false);
  });
});

describe('a flood', () => {
  it('is told at 1, 2, 4, 8, ... for each limit', () => {
    const { reports, come, site } = setUp({ maxConnections: 3, maxUnauthenticatedConnections: 1 });
    for (let count = 0; count <= 100; count += 1) come();
    expect(reports.map(({ connections }) => connections)).toEqual([1, 2, 4, 8, 16, 32, 64]);
    expect(reports.every(({ error }) => error.limit === 'maxUnauthenticatedConnections')).toBe(true);
    expect(reports[0]?.peerAddr).toBe('10.0.0.1:2001');
    for (let count = 0; count < 6; count += 1) site();
    expect(reports.slice(7)).toMatchObject(
      [1, 2].map((connections) => ({ connections, error: { limit: 'maxConnections' } })),
    );
  });

  it('is told until the limiter is at its end', () => {
    const { limiter } = setUp({});
    let isComplete = false;
    limiter.reports$.subscribe({ complete: () => (isComplete = true) });
    limiter.complete();
    expect(isComplete).toBe(true);
  });
});
