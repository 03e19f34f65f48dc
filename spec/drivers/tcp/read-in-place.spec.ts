import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';

import { describe, expect, it } from 'vitest';

import { readInPlace } from '../../../lib/drivers/tcp/read-in-place.js';

/** An accepted socket that reads into `buffer`, the other end of it, and the server. */
async function accept(buffer: Uint8Array) {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const peer = connect({ port, host: '127.0.0.1' });
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const { remotePort } = accepted;
  const reads: string[] = [];
  const socket = readInPlace(accepted, {
    buffer,
    callback: (bytes) => {
      reads.push(Buffer.from(buffer.subarray(0, bytes)).toString());
      return true;
    },
  });
  return { server, peer, accepted, remotePort, socket, reads };
}

describe('readInPlace', () => {
  it('moves the connection to a socket that reads into the given memory, both ways and to the end', async () => {
    const { server, peer, accepted, remotePort, socket, reads } = await accept(new Uint8Array(5));
    expect(socket).not.toBe(accepted);
    expect(socket.remotePort).toBe(remotePort);
    socket.write('hi');
    const [greeting] = (await once(peer, 'data')) as [Buffer];
    expect(greeting.toString()).toBe('hi');
    peer.end('hello world');
    socket.resume();
    await once(socket, 'end');
    expect(reads.join('')).toBe('hello world');
    await once(socket, 'close');
    server.close();
    await once(server, 'close');
  });

  it('begins paused', async () => {
    const { server, peer, socket, reads } = await accept(new Uint8Array(5));
    await new Promise((resolve) => peer.write('hello', resolve));
    // When what was sent later, the other way, has arrived, the system has reported this too.
    socket.write('hi');
    await once(peer, 'data');
    await new Promise(setImmediate);
    expect(reads).toEqual([]);
    socket.resume();
    await expect.poll(() => reads).toEqual(['hello']);
    socket.destroy();
    peer.destroy();
    server.close();
    await once(server, 'close');
  });

  it('leaves a socket as it is where Node has nothing behind it', () => {
    const socket = new Socket();
    expect(readInPlace(socket, { buffer: new Uint8Array(5), callback: () => true })).toBe(socket);
  });
});
