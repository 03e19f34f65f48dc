import { once } from 'node:events';
import { deflateRawSync } from 'node:zlib';

import { afterEach, describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/index.js';
import { NIL_PAYLOAD } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { answerTo, upgradeRequest } from '../drivers/websocket/raw-client.js';
import { stopAll } from '../support/communicators.js';
import { frame, hello, RawPeer } from '../support/raw-peer.js';
import { wsFrame } from './raw-line.js';
import { openStage } from './stage.js';

const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;
const NOT_LAST = 0;
const COMPRESSED = 0xc0;
const MIB = 1024 ** 2;

const binary = (bytes: Uint8Array, first?: number) => wsFrame(Opcode.BINARY, bytes, first);
const ping = frame(FrameType.PING, NIL_PAYLOAD);
const unmasked = Buffer.from(binary(ping));
unmasked[1] = ping.length;

const close = wsFrame(Opcode.CLOSE, Uint8Array.of(0x03, 0xe8));

/** What ends a WebSocket with BAD_DATA. */
const FORBIDDEN: Readonly<Record<string, readonly Uint8Array[]>> = {
  'a message that is compressed': [
    binary(deflateRawSync(Buffer.alloc(64 * MIB)).subarray(0, 60_000), COMPRESSED),
  ],
  'a message that is not masked': [unmasked],
  'a continuation of nothing': [wsFrame(Opcode.CONTINUATION, ping)],
  'a message in the middle of another': [binary(ping, NOT_LAST), binary(ping)],
  'an opcode that is reserved': [wsFrame(0x3, ping)],
  'a control frame that is reserved': [wsFrame(0xb)],
  'a ping of more than 125 bytes': [wsFrame(Opcode.PING, new Uint8Array(126))],
  'a ping in fragments': [wsFrame(Opcode.PING, ping, NOT_LAST)],
  'a close frame of one byte': [wsFrame(Opcode.CLOSE, Uint8Array.of(3))],
  'a close code that cannot be': [wsFrame(Opcode.CLOSE, Uint8Array.of(0x03, 0xed))],
  'a length with its highest bit set': [Buffer.from('82ff8000000000000000', 'hex')],
};

/** Requests that try to be read in two ways. None of them opens a WebSocket that carries on as F3. */
const REQUESTS: Readonly<Record<string, string>> = {
  'two lengths': upgradeRequest('/f3', { 'Content-Length': '5\r\nContent-Length: 6' }),
  'a length and chunks': upgradeRequest('/f3', { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }),
  'a header without a name': upgradeRequest('/f3', { '': 'x' }),
  'a header that is folded': upgradeRequest('/f3', { A: 'b\r\n c: d' }),
  'blanks before the colon': upgradeRequest('/f3', { 'Content-Length ': '5' }),
  'headers of 64 KiB': upgradeRequest('/f3', { A: 'x'.repeat(0x1_0000) }),
  '5,000 headers': upgradeRequest(
    '/f3',
    Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`a${n}`, 'b'])),
  ),
  'an absolute URL': upgradeRequest('http://hub/f3'),
  'a path that climbs': upgradeRequest('/x/../f3'),
  'a path in other letters': upgradeRequest('/%66%33'),
  'a zero byte in its path': upgradeRequest('/f3\0'),
  'HTTP/2 in the clear': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
};

afterEach(stopAll);

/** A WebSocket on a socket that this spec writes by itself. */
async function openPeer(url: string): Promise<RawPeer> {
  const peer = await RawPeer.connect(url);
  peer.send(Buffer.from(upgradeRequest('/f3')));
  await once(peer.socket, 'data');
  return peer;
}

describe('a WebSocket peer', () => {
  it.each(Object.entries(FORBIDDEN))('that sends %s loses its own connection', async (_name, bytes) => {
    const stage = await openStage('http');
    const end = stage.nextEnd();
    using peer = await openPeer(stage.url);
    peer.send(binary(hello()), ...bytes);
    expect((await end).error).toMatchObject({ code: CommErrorCode.BAD_DATA });
    await peer.closed();
    await stage.expectUndisturbed();
  });

  it.each([
    ['and then junk', [close, Buffer.alloc(100_000, 0xff)]],
    ['and then frames', [close, binary(ping), binary(ping)]],
    ['whose reason is no text', [wsFrame(Opcode.CLOSE, Uint8Array.of(0x03, 0xe8, 0xff, 0xfe))]],
    ['again and again', Array.from({ length: 1_000 }, () => wsFrame(Opcode.CLOSE))],
  ])('that sends a close frame %s is closed, cleanly', async (_name, bytes) => {
    const stage = await openStage('http');
    const end = stage.nextEnd();
    using peer = await openPeer(stage.url);
    peer.send(binary(hello()), ...bytes);
    expect((await end).error).toBeUndefined();
    await peer.closed();
    await stage.expectUndisturbed();
  });

  it('that floods with pings and reads nothing has no queue of answers', async () => {
    const stage = await openStage('http', { heartbeatIntervalMs: 0 });
    using peer = await openPeer(stage.url);
    peer.send(binary(hello()));
    peer.socket.pause();
    const batch = Buffer.concat(Array.from({ length: 500 }, () => wsFrame(Opcode.PING, new Uint8Array(125))));
    for (let sent = 0; sent < 24 * MIB; sent += batch.length) {
      if (!peer.socket.write(batch)) await once(peer.socket, 'drain');
    }
    const queued = stage.hub.stats().connections.map(({ buffered }) => buffered.bytes);
    expect(Math.max(...queued)).toBeLessThan(1024);
    await stage.expectUndisturbed();
  });

  it.each(Object.entries(REQUESTS))('whose request has %s gets no WebSocket', async (_name, request) => {
    const stage = await openStage('http');
    expect(await answerTo(stage.url, `${request}GET / HTTP/1.1\r\n\r\n`)).not.toMatch(/^HTTP\/1.1 (101|2)/);
    await stage.expectUndisturbed();
  });
});
