import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

import { FrameSplitter } from '../../../lib/wire/frame-splitter.js';
import { type System, timed } from '../system.js';
import { headOf, kindOf } from './frames.js';
import { servedOn } from './served-sockets.js';

const NO_LIMIT = 2 ** 31;

/** The bare socket: the same framing, and one corked write for each frame. */
export const nodeNet: System = {
  name: 'node:net',
  transport: 'tcp',
  serve() {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      onFrames(socket, (frame) => {
        const kind = kindOf(frame);
        if (kind === 'echo') socket.write(frame);
        else if (kind === 'last') socket.write(headOf('data', 0));
      });
    });
    return servedOn(server, sockets);
  },
  async connect(address) {
    const socket = connect({ host: '127.0.0.1', port: Number(address), noDelay: true });
    await once(socket, 'connect');
    let answered: () => void = () => undefined;
    onFrames(socket, () => answered());
    const answer = () => new Promise<void>((resolve) => (answered = resolve));
    const send = (head: Uint8Array, payload: Uint8Array): boolean => {
      socket.cork();
      socket.write(head);
      const hasRoom = socket.write(payload);
      socket.uncork();
      return hasRoom;
    };
    return timed({
      async oneWay(payload, count) {
        const head = headOf('data', payload.length);
        for (let left = count; left > 1; left -= 1) if (!send(head, payload)) await once(socket, 'drain');
        const done = answer();
        send(headOf('last', payload.length), payload);
        await done;
      },
      async echo(payload) {
        const back = answer();
        send(headOf('echo', payload.length), payload);
        await back;
      },
      close() {
        socket.destroy();
        return Promise.resolve();
      },
    });
  },
};

function onFrames(socket: Socket, receive: (frame: Uint8Array) => void): void {
  const splitter = new FrameSplitter();
  socket.on('data', (chunk: Uint8Array) => {
    splitter.push(chunk);
    let frame: Uint8Array | undefined;
    while ((frame = splitter.shift(NO_LIMIT)) !== undefined) receive(frame);
  });
}
