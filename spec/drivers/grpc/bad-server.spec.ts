import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

import { firstValueFrom, Subject } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { GrpcDriver } from '../../../lib/drivers/grpc/grpc-driver.js';
import { systemCode } from '../../../lib/drivers/node/node-errors.js';
import { CommErrorCode, type Connection } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { frameOf } from '../../contract/pair.js';
import { freePort } from '../../support/free-port.js';
import { grpcFrame } from '../../support/grpc-frame.js';
import { endOf } from '../websocket/listening.js';
import { framed } from './raw-call.js';

const driver = new GrpcDriver();
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe('a gRPC client', () => {
  it.each(['127.0.0.1', 'localhost', '[::1]'])('is NOT_READY when %s refuses, and tells so', async (host) => {
    const failure = await failureOf(`grpc://${host}:${await freePort()}`);
    expect(failure).toMatchObject({ code: CommErrorCode.NOT_READY });
    expect(failure.message).toMatch(/: connect ECONNREFUSED [^ ]+$/);
    expect(systemCode(failure)).toBe('ECONNREFUSED');
  });

  it('tells that a name is unknown', async () => {
    const failure = await failureOf('grpc://there-is-no-such-host.invalid:8002');
    expect(failure).toMatchObject({ code: CommErrorCode.NOT_READY });
    expect(systemCode(failure)).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
  });

  it('is CLOSED when the server closes at once', async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    expect(await failureOf(`grpc://127.0.0.1:${port}`)).toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('is told BAD_DATA by a server of another kind', async () => {
    const port = await listen(
      createServer((socket) => socket.resume().write('220 mail.example.org ESMTP\r\n')),
    );
    expect(await failureOf(`grpc://127.0.0.1:${port}`)).toMatchObject({ code: CommErrorCode.BAD_DATA });
  });

  it('ends a silent attempt when it is unsubscribed', async () => {
    // A socket that stays open is the failure: the test does not end.
    expect.assertions(0);
    const server = createServer();
    const opened = once(server, 'connection') as Promise<[Socket]>;
    const attempt = driver.connect(parseUrl(`grpc://127.0.0.1:${await listen(server)}`)).subscribe();
    const [socket] = await opened;
    const closed = once(socket.resume(), 'close');
    attempt.unsubscribe();
    await closed;
  });

  it('ends with NOT_SUPPORTED where there is gRPC, but no such method', async () => {
    const connection = await connectTo((stream) => {
      stream.respond({ 'content-type': 'application/grpc', 'grpc-status': 12 }, { endStream: true });
    });
    expect(await endOf(connection)).toMatchObject({ code: CommErrorCode.NOT_SUPPORTED });
  });

  it.each([
    ['404 and a page', { ':status': 404, 'content-type': 'text/html' }, CommErrorCode.BAD_DATA],
    ['200 and a page', { ':status': 200, 'content-type': 'text/html' }, CommErrorCode.BAD_DATA],
    ['503 of a proxy', { ':status': 503 }, CommErrorCode.NOT_READY],
  ])('says what it expected when a web server answers %s', async (_what, headers, code) => {
    const connection = await connectTo((stream) => stream.respond(headers, { endStream: true }));
    const ended = await endOf(connection);
    expect(ended).toMatchObject({ code });
    expect(ended).toHaveProperty('message', expect.stringContaining(`got HTTP status ${headers[':status']}`));
  });

  it('is CLOSED when the server ends the stream without a status', async () => {
    const connection = await connectTo((stream) => {
      stream.respond({ 'content-type': 'application/grpc' });
      stream.end();
    });
    const ended = await endOf(connection);
    expect(ended).toMatchObject({ code: CommErrorCode.CLOSED });
    expect(ended).toHaveProperty('message', expect.stringContaining('without a gRPC status'));
  });

  it('is CLOSED when the server ends in the middle of a message', async () => {
    const connection = await connectTo((stream) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': 0 }));
      stream.end(framed(grpcFrame(1, frameOf(4, 4))).subarray(0, 10));
    });
    const ended = await endOf(connection);
    expect(ended).toMatchObject({ code: CommErrorCode.CLOSED });
    expect(ended).toHaveProperty('message', expect.stringContaining('in the middle of a frame'));
  });

  it('goes on through a GOAWAY that means no harm, until the server ends the stream', async () => {
    const answering = new Subject<ServerHttp2Stream>();
    const answered = firstValueFrom(answering);
    const connection = await connectTo((stream) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': 0 }));
      answering.next(stream);
    });
    const frames = firstValueFrom(connection.frames$);
    const stream = await answered;
    stream.session?.goaway();
    stream.write(framed(grpcFrame(1, frameOf(6, 6))));
    expect(await frames).toEqual(frameOf(6, 6));
    const ended = endOf(connection);
    stream.end();
    expect(await ended).toBe('complete');
  });

  it.each([
    ['resets the stream', (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM)],
    [
      'sends it away with an error',
      (stream: ServerHttp2Stream) => stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ],
  ])('is CLOSED when the server %s', async (_what, act) => {
    const connection = await connectTo(act);
    expect(await endOf(connection)).toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('ends cleanly when the server ends with OK, after the frames before it', async () => {
    const connection = await connectTo((stream) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': 0 }));
      stream.end(framed(grpcFrame(1, frameOf(4, 4))));
    });
    const first = firstValueFrom(connection.frames$);
    const ended = endOf(connection);
    expect(await first).toEqual(frameOf(4, 4));
    expect(await ended).toBe('complete');
  });

  it('keeps the last frame of a paused connection, and the end behind it, until it is read', async () => {
    const answering = new Subject<() => void>();
    const answer = firstValueFrom(answering);
    const arriving = new Subject<void>();
    const arrived = firstValueFrom(arriving);
    const connection = await connectTo((stream) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': 0 });
        // The client answers it when it has read what was sent before.
        stream.session?.ping(() => arriving.next());
      });
      answering.next(() => stream.end(framed(grpcFrame(1, frameOf(5, 5)))));
    });
    const seen: Uint8Array[] = [];
    const ended = new Promise((resolve) => {
      connection.frames$.subscribe({
        next: (frame) => seen.push(frame),
        complete: () => resolve('complete'),
      });
    });
    connection.pause();
    (await answer)();
    await arrived;
    expect(seen).toEqual([]);
    connection.resume();
    expect(await ended).toBe('complete');
    expect(seen).toEqual([frameOf(5, 5)]);
  });

  it.each([
    ['cancels, as NVFlare does', 1, CommErrorCode.CLOSED],
    ['is unavailable', 14, CommErrorCode.CLOSED],
    ['refuses us', 7, CommErrorCode.BAD_CONFIG],
    ['has had enough', 8, CommErrorCode.BAD_DATA],
    ['has no better word', 2, CommErrorCode.ERROR],
  ])('ends with a code of its own when the server %s', async (_what, status, code) => {
    const connection = await connectTo((stream) => {
      const headers = {
        'content-type': 'application/grpc',
        'grpc-status': status,
        'grpc-message': 'so it is',
      };
      stream.respond(headers, { endStream: true });
    });
    const ended = await endOf(connection);
    expect(ended).toMatchObject({ code });
    expect(ended).toHaveProperty('message', expect.stringContaining('so it is'));
  });

  it('ends with CLOSED when the server vanishes', async () => {
    const connection = await connectTo((stream) => stream.session?.destroy());
    expect(await endOf(connection)).toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('ends with BAD_DATA when a message is no Frame', async () => {
    const connection = await connectTo((stream) => {
      stream.respond({ 'content-type': 'application/grpc' });
      stream.write(framed(Uint8Array.of(0x12, 9)));
    });
    expect(await endOf(connection)).toMatchObject({ code: CommErrorCode.BAD_DATA });
  });
});

async function failureOf(url: string): Promise<Error> {
  const failure: unknown = await firstValueFrom(driver.connect(parseUrl(url))).catch(
    (error: unknown) => error,
  );
  if (failure instanceof Error) return failure;
  throw new Error(`expected no connection to ${url}`);
}

/** A connection to a server that does with its stream what it is told. */
async function connectTo(answer: (stream: ServerHttp2Stream) => void): Promise<Connection> {
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    answer(stream);
  });
  const port = await listen(server);
  return new Promise((resolve, reject) => {
    driver.connect(parseUrl(`grpc://127.0.0.1:${port}`)).subscribe({ next: resolve, error: reject });
  });
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
