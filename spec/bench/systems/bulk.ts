import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

import { certificatesOf, isSecure } from '../certificates.js';
import { type System, timed } from '../system.js';
import { servedOn } from './served-sockets.js';

const BATCH_BYTES = 64 * 1024;
/** What a series begins with: how many bytes follow, negative where they are to be sent back. */
const HEADER_BYTES = 8;

/**
 * The limit: `node:net` or `node:tls` that writes in corked batches and counts the bytes that arrive, with no frames to
 * find and nothing to decode.
 */
export function bulk(transport: string): System {
  return {
    name: 'bulk',
    transport,
    serve() {
      const sockets = new Set<Socket>();
      const server = listener(transport, (socket) => {
        sockets.add(socket.setNoDelay(true));
        receive(socket);
      });
      return servedOn(server, sockets);
    },
    async connect(address) {
      const socket = await connected(transport, Number(address));
      const answer = (bytes: number) =>
        new Promise<void>((resolve) => {
          let left = bytes;
          const count = (chunk: Uint8Array): void => {
            left -= chunk.length;
            if (left > 0) return;
            socket.off('data', count);
            resolve();
          };
          socket.on('data', count);
        });
      return timed({
        async oneWay(payload, count) {
          const done = answer(1);
          socket.write(header(payload.length * count));
          const atATime = Math.ceil(BATCH_BYTES / payload.length);
          for (let left = count; left > 0; left -= atATime) {
            if (!writeBatch(socket, payload, Math.min(left, atATime))) await once(socket, 'drain');
          }
          await done;
        },
        async echo(payload) {
          const back = answer(payload.length);
          socket.cork();
          socket.write(header(-payload.length));
          socket.write(payload);
          socket.uncork();
          await back;
        },
        close() {
          socket.destroy();
          return Promise.resolve();
        },
      });
    },
  };
}

function writeBatch(socket: Socket, payload: Uint8Array, count: number): boolean {
  let hasRoom = true;
  socket.cork();
  for (let left = count; left > 0; left -= 1) hasRoom = socket.write(payload);
  socket.uncork();
  return hasRoom;
}

/** Answers one byte when all of a series have arrived, or sends them back as they come. */
function receive(socket: Socket): void {
  let left = 0;
  let isEcho = false;
  socket.on('data', (chunk: Buffer) => {
    let bytes = chunk;
    if (left === 0) {
      // A header comes alone or in front, and is too small to be cut.
      const announced = chunk.readDoubleBE();
      left = Math.abs(announced);
      isEcho = announced < 0;
      bytes = chunk.subarray(HEADER_BYTES);
    }
    left -= bytes.length;
    if (isEcho) socket.write(bytes);
    else if (left === 0) socket.write('!');
  });
  socket.on('error', () => socket.destroy());
}

function header(bytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeDoubleBE(bytes);
  return header;
}

function listener(transport: string, use: (socket: Socket) => void): Server {
  if (!isSecure(transport)) return createServer(use);
  return createTlsServer({ ...tlsOptions('hub'), requestCert: true }, use);
}

async function connected(transport: string, port: number): Promise<Socket> {
  const host = '127.0.0.1';
  if (!isSecure(transport)) {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return socket;
  }
  const socket = connectTls({ host, port, ...tlsOptions('site-1') });
  await once(socket, 'secureConnect');
  return socket.setNoDelay(true);
}

/** What Node's TLS takes. */
export function tlsOptions(name: 'hub' | 'site-1'): { ca: Buffer; cert: Buffer; key: Buffer } {
  const { ca, cert, key } = certificatesOf(name);
  return { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
}
