import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseUrl } from '../../lib/transport/url.js';
import { pattern } from '../support/pattern.js';
import { reset } from './fault-link.js';
import { FaultProxy } from './fault-proxy.js';

const SEED = 7;

describe('the fault proxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }, keep);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await FaultProxy.listen(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, SEED);
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await proxy[Symbol.asyncDispose]();
    server.close();
  });

  /** Sockets are destroyed at the end; until then the proxy may reset them. */
  function keep(socket: Socket): Socket {
    sockets.push(socket);
    return socket.on('error', () => undefined);
  }

  function dial(through = proxy): Socket {
    const port = parseUrl(through.url).port ?? 0;
    return keep(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  }

  /** Both ends of a connection through a proxy. */
  async function pair(through = proxy): Promise<[client: Socket, server: Socket]> {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = dial(through);
    const [other] = await accepted;
    return [client, other];
  }

  /** How a socket comes to its end: `end`, or the code of its error. */
  function endOf(socket: Socket): Promise<string> {
    socket.resume();
    return new Promise((resolve) => {
      socket.once('end', () => resolve('end'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  }

  /** Everything until the end, as text. The socket is left as it is. */
  function text(socket: Socket): Promise<string> {
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    return new Promise((resolve) => {
      socket.once('end', () => resolve(received));
    });
  }

  /** The chunks until so many bytes have come. */
  async function receive(socket: Socket, bytes: number): Promise<Buffer[]> {
    const chunks: Buffer[] = [];
    let left = bytes;
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk as Buffer);
      left -= (chunk as Buffer).length;
      if (left <= 0) break;
    }
    return chunks;
  }

  it('passes bytes and the end on, each way for itself', async () => {
    const [client, other] = await pair();
    client.end('there');
    expect(await text(other)).toBe('there');
    other.end('and back');
    expect(await text(client)).toBe('and back');
    await proxy.links[0]?.closed;
    expect(proxy.links).toEqual([]);
  });

  it('passes a reset on', async () => {
    const [client, other] = await pair();
    if (client.connecting) await once(client, 'connect');
    reset(client);
    expect(await endOf(other)).toBe('ECONNRESET');
  });

  it('passes a listener that refuses on as a reset', async () => {
    server.close();
    const client = dial();
    expect(await endOf(client)).toBe('ECONNRESET');
  });

  it.each([
    ['cut', 'end'],
    ['reset', 'ECONNRESET'],
  ] as const)('%s: both ends see %s, and later connections nothing of it', async (type, seen) => {
    const [client, other] = await pair();
    proxy.apply({ type });
    expect(await Promise.all([endOf(client), endOf(other)])).toEqual([seen, seen]);
    const [again, otherAgain] = await pair();
    again.end('again');
    expect(await text(otherAgain)).toBe('again');
    expect(proxy.accepted).toBe(2);
  });

  it('reset: also where bytes wait that nobody takes', async () => {
    const [client, other] = await pair();
    other.pause();
    client.write(pattern(16 * 1024 ** 2));
    await once(client, 'drain', { signal: AbortSignal.timeout(200) }).catch(() => undefined);
    const link = proxy.links[0];
    proxy.apply({ type: 'reset' });
    expect(await endOf(client)).toBe('ECONNRESET');
    await link?.closed;
  });

  it('reset: also where one side has ended', async () => {
    const [client, other] = await pair();
    const link = proxy.links[0];
    client.end();
    expect(await endOf(other)).toBe('end');
    proxy.apply({ type: 'reset' });
    expect(await endOf(client)).toBe('ECONNRESET');
    await link?.closed;
  });

  it('cut: what is sent after it is let go', async () => {
    const [client, other] = await pair();
    proxy.apply({ type: 'cut' });
    const received = text(other);
    client.end('too late');
    expect(await received).toBe('');
  });

  it('half-open: nothing gets through, not even the end, and nobody is told', async () => {
    const [client, other] = await pair();
    const link = proxy.links[0];
    proxy.apply({ type: 'half-open' });
    let seen = 'nothing';
    other.on('data', () => (seen = 'bytes'));
    other.on('end', () => (seen = 'end'));
    client.end('into the void');
    await once(client, 'finish');
    // A connection made later overtakes what the first one should have passed on.
    const [again, otherAgain] = await pair();
    again.end('again');
    expect(await text(otherAgain)).toBe('again');
    expect(seen).toBe('nothing');
    expect(proxy.links).toContain(link);
  });

  it('refuse: new connections are refused and live ones go on, until they are accepted', async () => {
    const [client, other] = await pair();
    proxy.apply({ type: 'refuse' });
    const refused = dial();
    expect(await endOf(refused)).toBe('ECONNREFUSED');
    client.end('still');
    expect(await text(other)).toBe('still');
    proxy.accept();
    const [again, otherAgain] = await pair();
    again.end('again');
    expect(await text(otherAgain)).toBe('again');
  });

  it('refuse for a time: it ends by itself', async () => {
    proxy.apply({ type: 'refuse', ms: 50 });
    let seen = 'ECONNREFUSED';
    while (seen === 'ECONNREFUSED') {
      const client = dial();
      seen = await Promise.race([endOf(client), once(client, 'connect').then(() => 'connected')]);
    }
    expect(seen).toBe('connected');
  });

  it('split: every byte arrives, in pieces', async () => {
    proxy.apply({ type: 'split', maxBytes: 1 });
    const [client, other] = await pair();
    const bytes = pattern(300);
    client.write(bytes);
    const chunks = await receive(other, bytes.length);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(bytes));
    expect(chunks.length).toBeGreaterThan(30);
  });

  it('throttle and delay: every byte arrives, later', async () => {
    const [client, other] = await pair();
    const bytes = pattern(4_000);
    const took = async (): Promise<number> => {
      const start = performance.now();
      client.write(bytes);
      expect(Buffer.concat(await receive(other, bytes.length))).toEqual(Buffer.from(bytes));
      return performance.now() - start;
    };
    proxy.apply({ type: 'throttle', bytesPerSecond: 20_000 });
    // The last share needs no wait behind it.
    expect(await took()).toBeGreaterThanOrEqual(100);
    proxy.heal();
    proxy.apply({ type: 'delay', ms: 100 });
    expect(await took()).toBeGreaterThanOrEqual(99);
  });

  it('throttle: a sender that is too fast has to wait', async () => {
    const [client, other] = await pair();
    other.resume();
    proxy.apply({ type: 'throttle', bytesPerSecond: 1 });
    let isBlocked = false;
    for (let writes = 0; writes < 200 && !isBlocked; writes += 1) {
      isBlocked = !client.write(pattern(256 * 1024));
      if (isBlocked)
        isBlocked = !(await Promise.race([once(client, 'drain').then(() => true), turns(1_000)]));
    }
    expect(isBlocked).toBe(true);
  });

  it.each(['up', 'down'] as const)('corrupt %s: one byte, where it was said', async (direction) => {
    const [client, other] = await pair();
    const [from, to] = direction === 'up' ? [client, other] : [other, client];
    from.write(pattern(10));
    await receive(to, 10);
    proxy.apply({ type: 'corrupt', direction, offset: 15 });
    from.write(pattern(10));
    await receive(to, 10);
    from.write(pattern(10));
    const [hit] = await receive(to, 10);
    expect([...(hit ?? [])]).toEqual(
      [...pattern(10)].map((byte, index) => (index === 5 ? byte ^ 0xff : byte)),
    );
  });

  it('hits the same bytes on every run with the same seed', async () => {
    const damaged = async (seed: number): Promise<string> => {
      await using seeded = await FaultProxy.listen(
        `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
        seed,
      );
      const [client, other] = await pair(seeded);
      seeded.apply({ type: 'corrupt', direction: 'up' });
      client.write(pattern(200));
      return Buffer.concat(await receive(other, 200)).toString('hex');
    };
    const [first, second, third] = [await damaged(1), await damaged(1), await damaged(2)];
    expect(first).toBe(second);
    expect(first).not.toBe(third);
    expect(first).not.toBe(Buffer.from(pattern(200)).toString('hex'));
  });
});

/** Resolves to false after so many turns of the event loop. */
async function turns(count: number): Promise<boolean> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
  return false;
}
