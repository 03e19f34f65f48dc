import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';

import { WebSocket, WebSocketServer } from 'ws';

import { isSecure } from '../certificates.js';
import { type System, timed } from '../system.js';
import { tlsOptions } from './bulk.js';
import { headOf, kindOf } from './frames.js';

const OPTIONS = { perMessageDeflate: false, maxPayload: 0 } as const;
const HIGH_WATER_MARK_BYTES = 1024 * 1024;

/** `ws` alone: one binary message for each frame. */
export const rawWs = (transport: string): System => ({
  name: 'ws',
  transport,
  async serve() {
    const secure = isSecure(transport);
    const web = secure ? createSecure({ ...tlsOptions('hub'), requestCert: true }) : createServer();
    const server = new WebSocketServer({ server: web, ...OPTIONS });
    server.on('connection', (socket) =>
      socket.on('message', (frame: Buffer) => {
        const kind = kindOf(frame);
        if (kind === 'echo') socket.send(frame);
        else if (kind === 'last') socket.send(headOf('data', 0));
      }),
    );
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    const scheme = secure ? 'wss' : 'ws';
    return {
      address: `${scheme}://127.0.0.1:${(web.address() as AddressInfo).port}`,
      close() {
        for (const socket of server.clients) socket.terminate();
        server.close();
        web.close();
        return Promise.resolve();
      },
    };
  },
  async connect(address) {
    const socket = new WebSocket(address, {
      ...OPTIONS,
      ...(isSecure(transport) ? tlsOptions('site-1') : {}),
    });
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
});
