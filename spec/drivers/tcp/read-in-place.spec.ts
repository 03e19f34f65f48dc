import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

import { describe, expect, it } from 'vitest';

import { readInPlace } from '../../../lib/drivers/tcp/read-in-place.js';
import { testCertificates } from '../../support/certificates.js';

const host = '127.0.0.1';

/** A listener, what a peer of it is, and the event that brings an accepted socket. */
interface Kind {
  readonly server: Server;
  readonly event: string;
  peer(port: number): Socket;
}

const KINDS: readonly [string, () => Promise<Kind>][] = [
  [
    'in the clear',
    () =>
      Promise.resolve({
        server: createServer({ pauseOnConnect: true }),
        event: 'connection',
        peer: (port) => connect({ port, host }),
      }),
  ],
  [
    'under TLS',
    async () => {
      const { hub, ca } = await testCertificates();
      const files = { key: readFileSync(hub.key), cert: readFileSync(hub.cert) };
      const trust = { ca: readFileSync(ca), checkServerIdentity: () => undefined };
      return {
        server: createTlsServer(files),
        event: 'secureConnection',
        peer: (port) => connectTls({ port, host, ...trust }),
      };
    },
  ],
];

/** An accepted socket that reads into `buffer`, the other end of it, and the server. */
async function accept(kind: Kind, buffer: Uint8Array) {
  const { server, event } = kind;
  server.listen(0, host);
  await once(server, 'listening');
  const peer = kind.peer((server.address() as AddressInfo).port);
  const [socket] = (await once(server, event)) as [Socket];
  const [reads, events] = [[] as string[], [] as string[]];
  readInPlace(socket, {
    buffer,
    callback: (bytes) => {
      reads.push(Buffer.from(buffer.subarray(0, bytes)).toString());
      return true;
    },
  });
  return { peer, socket, reads, events };
}

describe.each(KINDS)('an accepted socket %s that reads in place', (_, make) => {
  it('reads into the given memory, both ways and to the end', async () => {
    const kind = await make();
    const { peer, socket, reads, events } = await accept(kind, new Uint8Array(5));
    socket.write('hi');
    const [greeting] = (await once(peer, 'data')) as [Buffer];
    expect(greeting.toString()).toBe('hi');
    peer.end('hello world');
    socket.on('data', () => events.push('data')).resume();
    await once(socket, 'end');
    expect([reads.join(''), reads.every(({ length }) => length <= 5), events]).toEqual([
      'hello world',
      true,
      [],
    ]);
    socket.end();
    kind.server.close();
    await once(kind.server, 'close');
  });

  it('begins paused', async () => {
    const kind = await make();
    const { peer, socket, reads } = await accept(kind, new Uint8Array(5));
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
    kind.server.close();
    await once(kind.server, 'close');
  });
});

describe('readInPlace', () => {
  it('leaves a socket as it is where Node has nothing behind it', () => {
    const socket = new Socket();
    readInPlace(socket, { buffer: new Uint8Array(5), callback: () => true });
    const slots = Object.getOwnPropertySymbols(socket).filter(({ description }) => description === 'kBuffer');
    expect(slots.map((slot) => Reflect.get(socket, slot) as unknown)).toEqual([null]);
  });
});
