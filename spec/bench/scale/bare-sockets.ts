import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

import { isSecure } from '../certificates.js';
import { tlsOptions } from '../systems/bulk.js';
import { MuxCarrier, type MuxLine } from './mux-carrier.js';
import { CARRIERS } from './mux-driver.js';

/** Writes to one connection. */
export type Write = (frame: Uint8Array) => void;

const HOST = '127.0.0.1';

/**
 * Accepts connections on sockets with nothing around them, on the same transport as the hub.
 *
 * @returns its port
 */
export async function listenBare(transport: string, accept: (write: Write) => void): Promise<number> {
  const server = serverOf(transport, (socket) => {
    socket.on('error', () => socket.destroy());
    if (transport === 'mux') acceptLines(socket, accept);
    else accept((frame) => socket.setNoDelay(true).write(frame));
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Makes connections to it, so many at a time, that count the bytes they receive. */
export async function connectBare(
  transport: string,
  port: number,
  connections: { readonly count: number; readonly atATime: number },
  receive: (bytes: number) => void,
): Promise<void> {
  let left = connections.count;
  const connectOne = transport === 'mux' ? lines(port, receive) : () => socketTo(transport, port, receive);
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await connectOne();
    }
  };
  await Promise.all(Array.from({ length: connections.atATime }, work));
}

function serverOf(transport: string, use: (socket: Socket) => void): Server {
  if (!isSecure(transport)) return createServer(use);
  return createTlsServer({ ...tlsOptions('hub'), requestCert: true }, use);
}

function acceptLines(socket: Socket, accept: (write: Write) => void): void {
  const carrier = new MuxCarrier(socket, {
    context: 'bare',
    accept: (id) => {
      carrier.put(id, lineOf({}));
      accept((frame) => carrier.send(id, frame));
    },
    left: () => undefined,
  });
}

async function socketTo(transport: string, port: number, receive: (bytes: number) => void): Promise<void> {
  const socket = isSecure(transport)
    ? connectTls({ host: HOST, port, ...tlsOptions('site-1') })
    : connect({ host: HOST, port });
  socket.on('data', (chunk: Uint8Array) => receive(chunk.length));
  await once(socket, isSecure(transport) ? 'secureConnect' : 'connect');
}

function lines(port: number, receive: (bytes: number) => void): () => Promise<void> {
  const carriers = Array.from(
    { length: CARRIERS },
    () => new MuxCarrier(connect({ host: HOST, port }), { context: 'bare', left: () => undefined }),
  );
  let connects = 0;
  return () =>
    new Promise((resolve) => {
      const carrier = carriers[(connects += 1) % CARRIERS];
      carrier?.open(lineOf({ opened: resolve, received: ({ length }) => receive(length) }));
    });
}

function lineOf(line: Partial<MuxLine>): MuxLine {
  return { received: () => undefined, written: () => undefined, ended: () => undefined, ...line };
}
