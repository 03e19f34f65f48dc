import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { untilClosed } from '../../../lib/drivers/node/until-closed.js';

/** Everything that a server answers to some bytes, until it closes. */
export async function answerTo(url: string, bytes: string | Uint8Array): Promise<string> {
  const socket = await open(url);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that closes while it is being written to resets the connection, which is an answer too.
  socket.on('error', () => undefined);
  socket.write(bytes);
  await untilClosed(socket);
  return Buffer.concat(chunks).toString('latin1');
}

/** A TCP connection to the host and port of a URL. */
export async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

/** The request of a WebSocket handshake. */
export function upgradeRequest(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4PEA==',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
