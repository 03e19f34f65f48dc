import { afterEach, describe, expect, it } from 'vitest';

import { type Connection, Mode } from '../lib/index.js';
import { FrameType } from '../lib/wire/prefix.js';
import { framed, rawCall } from './drivers/grpc/raw-call.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from './support/communicators.js';
import { hello, RawPeer } from './support/raw-peer.js';

const PEERS = 10;
const DECLARED_BYTES = 2 ** 31 - 2 ** 21;
const MIB = 1024 ** 2;

const UPGRADE =
  'GET /f3 HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n';

/** A prefix that declares a frame of the largest size, and 16 bytes of it. */
const start = new Uint8Array(32);
new DataView(start.buffer).setUint32(0, DECLARED_BYTES);
start[6] = FrameType.DATA;

/** A peer that can present itself, and begin a frame of 2 GiB. */
interface Boaster {
  readonly peer: Disposable;
  greet(handshake: Uint8Array): void;
  boast(): void;
}

const BOASTERS: Readonly<Record<string, (url: string) => Promise<Boaster>>> = {
  tcp: async (url) => {
    const peer = await RawPeer.connect(url);
    return { peer, greet: (handshake) => peer.send(handshake), boast: () => peer.send(start) };
  },
  http: async (url) => {
    const peer = await RawPeer.connect(url);
    peer.send(Buffer.from(UPGRADE));
    return {
      peer,
      greet: (handshake) => peer.send(masked(handshake.length), handshake),
      boast: () => peer.send(masked(DECLARED_BYTES), start),
    };
  },
  grpc: (url) => {
    const peer = rawCall(url);
    const field = (data: Uint8Array) => Buffer.concat([Buffer.of(0x08, 1, 0x12, data.length), data]);
    return Promise.resolve({
      peer,
      greet: (handshake) => void peer.stream.write(framed(field(handshake))),
      boast: () => void peer.stream.write(framed(start, DECLARED_BYTES)),
    });
  },
};

/** The head of a binary WebSocket message, masked with zeros. */
function masked(length: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0xff;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

describe(`${PEERS} peers that declare 2 GiB each and send 16 bytes`, () => {
  const peers: Disposable[] = [];
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer[Symbol.dispose]();
    await stopAll();
  });

  const cases = Object.keys(BOASTERS).flatMap((scheme) => [`${scheme} before`, `${scheme} after`]);
  it.each(cases)('cost next to nothing: %s the handshake', async (name) => {
    const [scheme = '', when] = name.split(' ');
    const hub = communicator('hub');
    hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
    const url = await startListening(hub);
    const before = process.memoryUsage();
    const boasted: { connection: Connection; activity: number }[] = [];
    for (let n = 0; n < PEERS; n += 1) {
      const connected = nextEvent(hub, 'connected');
      const boaster = await BOASTERS[scheme]?.(url);
      if (boaster === undefined) throw new Error(`no peer for ${scheme}`);
      peers.push(boaster.peer);
      if (when === 'after') {
        boaster.greet(hello({ endpoint_name: `raw-${n}` }));
        await untilState(hub, `raw-${n}`);
      }
      const { connection } = await connected;
      boasted.push({ connection, activity: connection.activity });
      boaster.boast();
    }
    // The hub has read what they sent.
    await expect
      .poll(() => boasted.filter(({ connection, activity }) => connection.activity > activity).length)
      .toBe(PEERS);
    const after = process.memoryUsage();
    // Each may have the 1 MiB that a frame of any size gets at once.
    expect((after.rss - before.rss) / MIB).toBeLessThan(100);
    expect((after.arrayBuffers - before.arrayBuffers) / MIB).toBeLessThan(2 * PEERS);
  });
});
