import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createClient } from '@redis/client';
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';

import { Child } from '../child.js';
import type { SiteRequest } from '../hop-site.js';
import { inWindows, type System, timed } from '../system.js';
import { startValkey } from '../valkey-server.js';
import { frameOf } from './frames.js';

const WINDOW_BYTES = 1024 ** 2;
const ROOM = 'site-1';

/** From one server of socket.io to a client at another one, by the Redis adapter. */
export const socketIoHop: System = {
  name: 'socket.io',
  transport: 'hop',
  async serve() {
    const redis = await startValkey();
    const { io, disconnect } = await serverAt(redis.url);
    io.on('connection', (socket) => void socket.join(ROOM));
    const web = createServer().listen(0, '127.0.0.1');
    io.attach(web);
    await once(web, 'listening');
    const site = new Child<SiteRequest>(new URL('../socket-io-site.ts', import.meta.url));
    await site.ask({ connectTo: `http://127.0.0.1:${(web.address() as AddressInfo).port}` });
    return {
      address: redis.url,
      beside: [redis.pid, site.pid],
      async close() {
        await site.end();
        await io.close();
        await disconnect();
        await redis.stop();
      },
    };
  },
  async connect(address) {
    const { io, disconnect } = await serverAt(address);
    while ((await io.in(ROOM).fetchSockets()).length === 0);
    const site = io.to(ROOM);
    const ask = (event: string, frame: Uint8Array): Promise<readonly unknown[]> =>
      site.timeout(10_000).emitWithAck(event, frame) as Promise<readonly unknown[]>;
    let sent = 0;
    return timed({
      async oneWay(payload, count) {
        const frame = frameOf('data', payload);
        const send = (): void => {
          sent += 1;
          site.emit('data', frame);
        };
        const askLast = async (): Promise<void> => {
          const expected = (sent += 1);
          const [received] = await ask('data', frame);
          if (received !== expected) throw new Error('socket.io has dropped messages');
        };
        await inWindows(count, Math.ceil(WINDOW_BYTES / frame.length), send, askLast);
      },
      async echo(payload) {
        await ask('echo', frameOf('echo', payload));
      },
      close: disconnect,
    });
  },
};

/** A server that knows those at other processes. */
async function serverAt(url: string): Promise<{ readonly io: Server; disconnect: () => Promise<void> }> {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const io = new Server({ transports: ['websocket'], adapter: createAdapter(publisher, subscriber) });
  return {
    io,
    disconnect: async () => {
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  };
}
