import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';

import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { untilClosed } from '../../lib/drivers/node/until-closed.js';
import { CommErrorCode, type CommunicatorOptions, QueueFullError, textOf } from '../../lib/index.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { framed, rawCall, rawStream, statusOf } from '../drivers/grpc/raw-call.js';
import { testCertificates } from '../support/certificates.js';
import { stopAll, untilState } from '../support/communicators.js';
import { grpcFrame } from '../support/grpc-frame.js';
import { frame, hello } from '../support/raw-peer.js';
import { openStage, type Stage } from './stage.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Types of HTTP/2 frames (RFC 9113, 6). */
const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
const END_HEADERS = 4;
const MIB = 1024 ** 2;

const SHORT = { heartbeatIntervalMs: 1_000, heartbeatTimeoutMs: 1_000 };

/** Between two frames of a peer that goes on. */
const DRIP_MS = 100;

/** What must happen happens within this time. */
const PATIENCE_MS = 30_000;

/** A call in HPACK without an index or Huffman codes. */
const CALL = hpack({
  ':method': 'POST',
  ':scheme': 'http',
  ':path': '/streamer.Streamer/Stream',
  ':authority': 'hub',
  'content-type': 'application/grpc',
  te: 'trailers',
});

/** What ends a session of HTTP/2 at once. */
const FORBIDDEN: Readonly<Record<string, readonly Uint8Array[]>> = {
  'a window that grows over its limit': [
    h2(Type.WINDOW_UPDATE, 0, u32(0x7fffffff)),
    h2(Type.WINDOW_UPDATE, 0, u32(0x7fffffff)),
  ],
  'a window that grows by nothing': [h2(Type.WINDOW_UPDATE, 0, u32(0))],
  'a frame that is longer than agreed': [h2(Type.DATA, 1, new Uint8Array(0)).fill(0xff, 0, 3)],
  'data on a stream that is not open': [h2(Type.DATA, 5, new Uint8Array(10))],
  'a promise of its own': [h2(Type.PUSH_PROMISE, 1, Buffer.concat([u32(2), CALL]), END_HEADERS)],
  'a ping of seven bytes': [h2(Type.PING, 0, new Uint8Array(7))],
  'settings of five bytes': [h2(Type.SETTINGS, 0, new Uint8Array(5))],
  'an initial window over the limit': [
    h2(Type.SETTINGS, 0, Buffer.concat([Buffer.of(0, 4), u32(0xffffffff)])),
  ],
  'a continuation of nothing': [h2(Type.CONTINUATION, 1, CALL, END_HEADERS)],
  'headers without an end': [
    h2(Type.HEADERS, 3, CALL),
    ...Array.from({ length: 2_000 }, () => h2(Type.CONTINUATION, 3, hpack({ a: 'b'.repeat(1_000) }))),
  ],
  'headers that cannot be read': [
    h2(Type.HEADERS, 3, Buffer.from('ffffffffffffffffffffff', 'hex'), END_HEADERS),
  ],
  'a stream of an even number': [h2(Type.HEADERS, 2, CALL, END_HEADERS)],
};

/** Frames that cost an answer, to a peer that reads none. */
const UNREAD = {
  PING: h2(Type.PING, 0, new Uint8Array(8)),
  SETTINGS: h2(Type.SETTINGS, 0, Buffer.concat([Buffer.of(0, 4), u32(1)])),
} satisfies Readonly<Record<string, Uint8Array>>;

afterEach(stopAll);

describe.each(['grpc', 'grpcs'])('an HTTP/2 peer on %s', (scheme) => {
  // Some of these end the session for Node without the socket, and it goes on reading: then the heartbeat ends it.
  it('that breaks HTTP/2 in any way, and goes on sending, loses its own session', async () => {
    const all = Object.entries(FORBIDDEN);
    const [stage, ...sockets] = await openSession(scheme, all.length, SHORT);
    const left = new Set(Object.keys(FORBIDDEN));
    const ends = all.map(async ([name, frames], index) => {
      const socket = sockets[index];
      if (socket === undefined) return;
      const closed = untilClosed(socket);
      socket.write(Buffer.concat([call(1, hello({ endpoint_name: `raw-${index}` })), ...frames]));
      const drip = setInterval(() => socket.write(UNREAD.PING), DRIP_MS);
      await closed;
      clearInterval(drip);
      left.delete(name);
    });
    await Promise.race([Promise.all(ends), sleep(PATIENCE_MS, undefined, { ref: false })]);
    expect([...left]).toEqual([]);
    await stage.expectUndisturbed();
  });
});

describe('an HTTP/2 peer', () => {
  it('that resets its socket at each stage loses it, and nothing else', async () => {
    const [stage, ...sockets] = await openSession('grpc', 4);
    const stages = [
      Buffer.alloc(0),
      PREFACE.subarray(0, 5),
      h2(Type.HEADERS, 1, CALL.subarray(0, 10)),
      call(1, hello()),
    ];
    for (const [index, socket] of sockets.entries()) {
      socket.write(stages[index] ?? '');
      socket.resetAndDestroy();
      await untilClosed(socket);
    }
    await stage.expectUndisturbed();
  });

  it.each(Object.entries(UNREAD))('that floods with %s and reads nothing is let go', async (_name, flood) => {
    const [stage, socket] = await openSession('grpc');
    socket.pause();
    const closed = untilClosed(socket);
    socket.write(call(1, hello()));
    const batch = Buffer.concat(Array.from({ length: 2_000 }, () => flood));
    let sent = 0;
    for (; socket.writable && sent < 64 * MIB; sent += batch.length)
      await new Promise((resolve) => socket.write(batch, resolve));
    expect(sent).toBeLessThan(64 * MIB);
    await closed;
    await stage.expectUndisturbed();
  });

  it('that opens streams and resets them at once is let go', async () => {
    const [stage, socket] = await openSession('grpc');
    const closed = untilClosed(socket);
    for (let id = 1; id < 20_000 && socket.writable; id += 2) {
      const bytes = Buffer.concat([h2(Type.HEADERS, id, CALL, END_HEADERS), h2(Type.RST_STREAM, id, u32(8))]);
      if (!socket.write(bytes)) await new Promise(setImmediate);
    }
    await closed;
    await stage.expectUndisturbed();
    expect(stage.hub.stats().connections.length).toBe(1);
  });

  it('that breaks F3 on one stream keeps the others of its session', async () => {
    const stage = await openStage('grpc');
    using client = rawCall(stage.url);
    const other = rawStream(client.session);
    other.write(framed(grpcFrame(1, hello({ endpoint_name: 'other' }))));
    await untilState(stage.hub, 'other');
    const [status, end] = [statusOf(client.stream), stage.nextEnd()];
    client.stream.write(framed(grpcFrame(1, Buffer.concat([hello(), hello()]))));
    expect((await end).error).toMatchObject({ code: CommErrorCode.BAD_DATA });
    expect(await status).toBe('3');
    const arrived = firstValueFrom(stage.hub.messages(1));
    other.write(framed(grpcFrame(2, frame(FrameType.DATA, new TextEncoder().encode('still here'), 1))));
    expect(textOf((await arrived).message)).toBe('still here');
    await stage.expectUndisturbed();
  });

  it('that gives no window is sent no more than its queue holds, and is let go by `stop`', async () => {
    const [stage, socket] = await openSession('grpc', 1, { drainTimeoutMs: 500 });
    socket.write(
      Buffer.concat([h2(Type.SETTINGS, 0, Buffer.concat([Buffer.of(0, 4), u32(0)])), call(1, hello())]),
    );
    await untilState(stage.hub, 'raw');
    const message = { payload: new Uint8Array(MIB) };
    const send = () => stage.hub.send('raw', 1, message);
    while (send());
    expect(() => {
      for (let n = 0; n < 100; n += 1) send();
    }).toThrow(QueueFullError);
    await stage.expectUndisturbed();
    const closed = untilClosed(socket);
    await stage.hub.stop();
    await closed;
  });
});

/** A stage, and sockets to its hub that have begun HTTP/2. */
async function openSession(
  scheme: string,
  count = 1,
  options: CommunicatorOptions = {},
): Promise<[Stage, Socket, ...Socket[]]> {
  const { ca, hub } = await testCertificates();
  const pem = { ca_cert: ca, server_cert: hub.cert, server_key: hub.key, connection_security: 'tls' };
  const stage = await openStage(scheme, options, scheme === 'grpcs' ? pem : {});
  const port = Number(new URL(stage.url).port);
  const sockets = Array.from({ length: count }, async () => {
    const socket =
      scheme === 'grpc'
        ? connectTcp(port, '127.0.0.1')
        : connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
    socket.on('error', () => undefined).resume();
    await once(socket, scheme === 'grpc' ? 'connect' : 'secureConnect');
    socket.write(Buffer.concat([PREFACE, h2(Type.SETTINGS, 0)]));
    return socket;
  });
  const [first, ...rest] = await Promise.all(sockets);
  if (first === undefined) throw new Error('expected at least one socket');
  return [stage, first, ...rest];
}

/** Opens a stream and sends one frame of F3 on it. */
function call(streamId: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([
    h2(Type.HEADERS, streamId, CALL, END_HEADERS),
    h2(Type.DATA, streamId, framed(grpcFrame(1, bytes))),
  ]);
}

function h2(type: number, streamId: number, payload: Uint8Array = new Uint8Array(0), flags = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Each as a literal that is not indexed (RFC 7541, 6.2.2), of at most 16,510 bytes. */
function hpack(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([hpackLength(value.length), Buffer.from(value)]);
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]),
  );
}

function hpackLength(length: number): Buffer {
  const rest = length - 127;
  if (rest < 0) return Buffer.of(length);
  return rest < 128 ? Buffer.of(127, rest) : Buffer.of(127, (rest & 0x7f) | 0x80, rest >> 7);
}
