import { once } from 'node:events';

import type { IncomingHttpStatusHeader, Settings } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { gzipSync } from 'node:zlib';

import { firstValueFrom, take, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { untilClosed } from '../../../lib/drivers/node/until-closed.js';
import { GrpcDriver } from '../../../lib/drivers/grpc/grpc-driver.js';
import { STREAM_PATH } from '../../../lib/drivers/grpc/http2.js';
import { CommErrorCode } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { encodedHead, frameOf } from '../../contract/pair.js';
import { grpcFrame } from '../../support/grpc-frame.js';
import { endOf, type Listening, listening } from '../websocket/listening.js';
import { framed, rawCall, rawStream, statusOf } from './raw-call.js';

const driver = new GrpcDriver();

/** More than the window that a client begins with. */
const BIG_BYTES = 2 * 1024 ** 2;

let listener: Listening;

beforeEach(async () => {
  listener = await listening(driver, parseUrl('grpc://127.0.0.1:0'));
});

afterEach(() => listener[Symbol.dispose]());

describe('a gRPC listener', () => {
  it('takes a client that speaks bare HTTP/2, and answers its end with OK', async () => {
    using client = rawCall(listener.url);
    const status = statusOf(client.stream);
    const connection = await listener.next();
    const frames = firstValueFrom(connection.frames$.pipe(toArray()));
    client.stream.end(framed(grpcFrame(1, frameOf(7, 3))));
    expect(await frames).toEqual([frameOf(7, 3)]);
    expect(await status).toBe('0');
    client.session.close();
    await connection.close();
  });

  it('answers another method with UNIMPLEMENTED, and goes on', async () => {
    using client = rawCall(listener.url, '/streamer.Streamer/Other');
    expect(await statusOf(client.stream)).toBe('12');
    const stream = rawStream(client.session);
    const connection = await listener.next();
    const received = firstValueFrom(connection.frames$);
    stream.write(framed(grpcFrame(1, frameOf(1, 1))));
    expect(await received).toEqual(frameOf(1, 1));
    stream.end();
    await connection.close();
  });

  it.each([
    ['text', 'GET / HTTP/1.1\r\n\r\n'],
    ['bytes', Buffer.alloc(1000, 0xff)],
  ])('lets a client that sends %s go, and nobody else', async (_what, junk) => {
    using client = rawCall(listener.url);
    const connection = await listener.next();
    const { host, port = 0 } = parseUrl(listener.url);
    const socket = connectTcp({ ...(host === undefined ? {} : { host }), port });
    socket.on('error', () => undefined).resume();
    socket.write(junk);
    await untilClosed(socket);
    const received = firstValueFrom(connection.frames$);
    client.stream.write(framed(grpcFrame(1, frameOf(2, 2))));
    expect(await received).toEqual(frameOf(2, 2));
    client.stream.end();
    await connection.close();
  });

  it('lets go of clients without a stream when the listening ends', async () => {
    const { host, port = 0 } = parseUrl(listener.url);
    const socket = connectTcp({ ...(host === undefined ? {} : { host }), port });
    using client = rawCall(listener.url);
    const connection = await listener.next();
    const closed = once(socket.resume(), 'close');
    listener[Symbol.dispose]();
    await closed;
    const received = firstValueFrom(connection.frames$);
    client.stream.write(framed(grpcFrame(1, frameOf(3, 3))));
    expect(await received).toEqual(frameOf(3, 3));
    expect(await statusOf(rawStream(client.session))).toBe('14');
    client.stream.end();
    await connection.close();
  });

  it.each([
    ['is no Frame', framed(Uint8Array.of(0x12, 5, 1))],
    ['has data of another type', framed(Uint8Array.of(0x10, 1))],
    ['says that it is compressed when it is not', Buffer.concat([Uint8Array.of(1, 0, 0, 0, 1, 0)])],
    ['is compressed in a way that was not agreed on', gzipped(grpcFrame(1, frameOf(1, 1)))],
    ['announces more than a frame may have', framed(new Uint8Array(0), 0xffffffff)],
  ])('ends a connection whose message %s, after the frames before it', async (_what, bytes) => {
    using client = rawCall(listener.url);
    const connection = await listener.next();
    const seen: Uint8Array[] = [];
    connection.frames$.subscribe({ next: (frame) => seen.push(frame), error: () => undefined });
    client.stream.write(framed(grpcFrame(1, frameOf(1, 10))));
    await firstValueFrom(connection.frames$);
    const ended = endOf(connection);
    client.stream.write(bytes);
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
    expect(seen).toEqual([frameOf(1, 10)]);
    client.stream.end();
    await client.closed;
  });

  it('refuses a message by its length alone, before the bytes have come', async () => {
    using client = rawCall(listener.url);
    const connection = await listener.next();
    const ended = endOf(connection);
    client.stream.write(framed(new Uint8Array(0), 100 * 1024 ** 2));
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
    client.stream.end();
    await client.closed;
  });

  it('takes a message of that length when its limit has been raised', async () => {
    using client = rawCall(listener.url);
    const connection = await listener.next();
    connection.maxFrameBytes = 8 * 1024 ** 2;
    const received = firstValueFrom(connection.frames$);
    client.stream.write(framed(grpcFrame(1, frameOf(1, 5 * 1024 ** 2))));
    expect((await received).length).toBe(16 + 5 * 1024 ** 2);
    client.stream.end();
    await connection.close();
  });

  it('counts what the peer lets it send as a sign of life, and not what it sends', async () => {
    using client = rawCall(listener.url);
    const connection = await listener.next();
    const head = encodedHead(1, BIG_BYTES);
    const before = connection.activity;
    const written = firstValueFrom(connection.written$);
    connection.send(frameOf(1, 100));
    await Promise.all([once(client.stream, 'data'), written]);
    expect(connection.activity).toBe(before);
    const drained = firstValueFrom(connection.drained$);
    connection.send(head, new Uint8Array(BIG_BYTES));
    await drained;
    expect(connection.activity).toBeGreaterThan(before);
    await connection.close();
  });

  it('keeps two streams on one HTTP/2 session apart', async () => {
    using client = rawCall(listener.url);
    const first = await listener.next();
    const second = rawStream(client.session);
    const other = await listener.next();
    client.stream.end();
    await first.close();
    const received = firstValueFrom(other.frames$.pipe(take(2), toArray()));
    second.write(framed(grpcFrame(1, frameOf(1, 1))));
    second.write(framed(grpcFrame(2, frameOf(2, 1))));
    expect(await received).toEqual([frameOf(1, 1), frameOf(2, 1)]);
    const closed = once(client.session, 'close');
    second.end();
    await other.close();
    await closed;
  });

  it('tells a client that is refused why, by a gRPC status', async () => {
    using client = rawCall(listener.url);
    const status = statusOf(client.stream);
    const connection = await listener.next();
    const ended = endOf(connection);
    client.stream.write(framed(Uint8Array.of(0x12, 5, 1)));
    expect(await status).toBe('3');
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
  });

  it.each([
    ['no gRPC', { 'content-type': 'text/plain' }, 415],
    ['GET', { ':method': 'GET' }, 405],
  ])('answers %s in the words of HTTP, and goes on', async (_what, headers, status) => {
    using client = rawCall(listener.url);
    const connection = await listener.next();
    const stream = rawStream(client.session, STREAM_PATH, headers);
    const answered = once(stream, 'response') as Promise<[IncomingHttpStatusHeader]>;
    expect((await answered)[0][':status']).toBe(status);
    const received = firstValueFrom(connection.frames$);
    client.stream.write(framed(grpcFrame(1, frameOf(1, 1))));
    expect(await received).toEqual(frameOf(1, 1));
    client.stream.end();
    await connection.close();
  });

  it('gives a client a hundred streams, and no more', async () => {
    using client = rawCall(listener.url);
    const [settings] = (await once(client.session, 'remoteSettings')) as [Settings];
    expect(settings.maxConcurrentStreams).toBe(100);
    client.stream.end();
    await (await listener.next()).close();
  });

  it('ends with CLOSED when the client vanishes', async () => {
    using client = rawCall(listener.url);
    const connection = await listener.next();
    const ended = endOf(connection);
    client.session.destroy();
    expect(await ended).toMatchObject({ code: CommErrorCode.CLOSED });
    await connection.close();
  });
});

function gzipped(message: Uint8Array): Buffer {
  const bytes = framed(gzipSync(message));
  bytes[0] = 1;
  return bytes;
}
