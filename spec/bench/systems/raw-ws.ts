import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { WebSocket, WebSocketServer } from 'ws';

import { type System, timed } from '../system.js';
import { headOf, kindOf } from './frames.js';

const OPTIONS = { perMessageDeflate: false, maxPayload: 0 } as const;
const HIGH_WATER_MARK_BYTES = 1024 * 1024;

/** `ws` alone: one binary message for each frame. */
export const rawWs: System = {
  name: 'ws',
  transport: 'http',
  async serve() {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...OPTIONS });
    server.on('connection', (socket) =>
      socket.on('message', (frame: Buffer) => {
        const kind = kindOf(frame);
        if (kind === 'echo') socket.send(frame);
        else if (kind === 'last') socket.send(headOf('data', 0));
      }),
    );
    await once(server, 'listening');
    return {
      address: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close() {
        for (const socket of server.clients) socket.terminate();
        server.close();
        return Promise.resolve();
      },
    };
  },
  async connect(address) {
    const socket = new WebSocket(address, OPTIONS);
    await once(socket, 'open');
    const send = (head: Uint8Array, payload: Uint8Array, done?: () => void) =>
      socket.send(Buffer.concat([head, payload]), done);
    return timed({
      async oneWay(payload, count) {
        const head = headOf('data', payload.length);
        for (let left = count; left > 1; left -= 1) {
          if (socket.bufferedAmount < HIGH_WATER_MARK_BYTES) send(head, payload);
          else await new Promise<void>((resolve) => send(head, payload, resolve));
        }
        const done = once(socket, 'message');
        send(headOf('last', payload.length), payload);
        await done;
      },
      async echo(payload) {
        const back = once(socket, 'message');
        send(headOf('echo', payload.length), payload);
        await back;
      },
      close() {
        socket.terminate();
        return Promise.resolve();
      },
    });
  },
};
