import {
  type ClientDuplexStream,
  credentials,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type StatusObject,
} from '@grpc/grpc-js';
import { firstValueFrom, take, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { decodeFrameMessage } from '../../../lib/drivers/grpc/frame-message.js';
import { GrpcDriver } from '../../../lib/drivers/grpc/grpc-driver.js';
import { STREAM_PATH } from '../../../lib/drivers/grpc/http2.js';
import { CommError, CommErrorCode, type Connection } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { PREFIX_BYTES } from '../../../lib/wire/prefix.js';
import { encodedHead, frameOf } from '../../contract/pair.js';
import { grpcFrame } from '../../support/grpc-frame.js';
import { endOf, listening } from '../websocket/listening.js';

type Frame = Uint8Array;
type Call = ClientDuplexStream<Frame, Frame> | ServerDuplexStream<Frame, Frame>;

const SERVICE: ServiceDefinition = {
  stream: {
    path: STREAM_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: (frame: Frame) => grpcFrame(1, frame),
    requestDeserialize: (bytes: Buffer) => decodeFrameMessage(bytes),
    responseSerialize: (frame: Frame) => grpcFrame(1, frame),
    responseDeserialize: (bytes: Buffer) => decodeFrameMessage(bytes),
  },
};
const LIMITS = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const MIB = 1024 ** 2;
const SIZES = [0, 1, 100, 8_192, 8_193, 16_384, 65_536, MIB, 16 * MIB, 3];

const driver = new GrpcDriver();
const releases: (() => void)[] = [];

afterEach(() => {
  for (const release of releases.splice(0)) release();
});

describe('a peer made with @grpc/grpc-js', () => {
  it('as a server takes our frames and sends its own, of all sizes', async () => {
    const { connection, call } = await toGrpcJsServer();
    await expectExchange(connection, call);
    await connection.close();
  });

  it('as a client takes our frames and sends its own, of all sizes', async () => {
    const { connection, call } = await fromGrpcJsClient();
    await expectExchange(connection, call);
    call.end();
    expect(await endOf(connection)).toBe('complete');
  });

  it('as a server sees our end behind all frames, and its OK is a clean end', async () => {
    const { connection, call } = await toGrpcJsServer();
    const received = framesOf(call, 100);
    const ended = new Promise<void>((resolve) => call.once('end', resolve));
    for (let number = 0; number < 100; number += 1) connection.send(encodedHead(number, 0));
    const closed = connection.close();
    expect((await received).length).toBe(100);
    await ended;
    call.end();
    await closed;
  });

  it('as a client gets OK behind all frames when we close', async () => {
    const { connection, call, status } = await fromGrpcJsClient();
    const received = framesOf(call, 100);
    for (let number = 0; number < 100; number += 1) connection.send(encodedHead(number, 0));
    const closed = connection.close();
    expect((await received).length).toBe(100);
    expect(await status).toMatchObject({ code: 0 });
    await closed;
  });

  it.each([
    ['what it did wrong', CommErrorCode.BAD_DATA, 3, 'kein Frame für "site-1": 100 %'],
    ['that it is refused, and not why', CommErrorCode.BAD_CONFIG, 7, 'refused'],
    ['that it is closed, and not for whom', CommErrorCode.CLOSED, 1, 'closed'],
  ])('as a client is told %s', async (_, commCode, code, details) => {
    const { connection, call, status } = await fromGrpcJsClient();
    call.resume();
    await connection.close(new CommError(commCode, 'kein Frame für "site-1": 100 %'));
    expect(await status).toMatchObject({ code, details });
  });

  it('as a client that sends what is no Frame is told INVALID_ARGUMENT', async () => {
    const { connection, call, status } = await fromGrpcJsClient();
    const ended = endOf(connection);
    call.resume();
    call.write(new Uint8Array(100_000));
    expect(await ended).toMatchObject({ code: CommErrorCode.BAD_DATA });
    expect(await status).toMatchObject({
      code: 3,
      details: expect.stringContaining('at most 65551') as string,
    });
  });

  it('as a client that cancels ends its connection with CLOSED', async () => {
    const { connection, call } = await fromGrpcJsClient();
    const ended = endOf(connection);
    (call as ClientDuplexStream<Frame, Frame>).cancel();
    expect(await ended).toMatchObject({ code: CommErrorCode.CLOSED });
  });

  it('as a server that fails ends its connection with its own words', async () => {
    const { connection, call } = await toGrpcJsServer();
    const ended = endOf(connection);
    call.emit('error', { code: 7, details: 'nicht für dich: 100 %' });
    expect(await ended).toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
      message: expect.stringContaining('nicht für dich: 100 %') as string,
    });
  });
});

async function expectExchange(connection: Connection, call: Call): Promise<void> {
  connection.maxFrameBytes = 32 * MIB;
  const atUs = firstValueFrom(connection.frames$.pipe(take(SIZES.length), toArray()));
  const atPeer = framesOf(call, SIZES.length);
  for (const [index, size] of SIZES.entries()) {
    call.write(frameOf(index, size));
    connection.send(encodedHead(index, size), frameOf(index, size).subarray(PREFIX_BYTES));
  }
  for (const frames of await Promise.all([atUs, atPeer])) {
    for (const [index, size] of SIZES.entries()) {
      expect(Buffer.compare(frames[index] ?? new Uint8Array(0), frameOf(index, size))).toBe(0);
    }
  }
}

function framesOf(call: Call, count: number): Promise<Frame[]> {
  return new Promise((resolve) => {
    const frames: Frame[] = [];
    call.on('data', (frame: Frame) => {
      frames.push(frame);
      if (frames.length === count) resolve(frames);
    });
  });
}

async function toGrpcJsServer(): Promise<{ connection: Connection; call: Call }> {
  const server = new Server(LIMITS);
  const accepted = new Promise<Call>((resolve) => {
    server.addService(SERVICE, { stream: (call: ServerDuplexStream<Frame, Frame>) => resolve(call) });
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  releases.push(() => server.forceShutdown());
  const connection = await new Promise<Connection>((resolve, reject) => {
    driver.connect(parseUrl(`grpc://127.0.0.1:${port}`)).subscribe({ next: resolve, error: reject });
  });
  return { connection, call: await accepted };
}

async function fromGrpcJsClient(): Promise<{
  connection: Connection;
  call: Call;
  status: Promise<StatusObject>;
}> {
  const listener = await listening(driver, parseUrl('grpc://127.0.0.1:0'));
  const Client = makeGenericClientConstructor(SERVICE, 'Streamer');
  const client = new Client(listener.url.replace('grpc://', ''), credentials.createInsecure(), LIMITS);
  const open = client.stream as unknown as () => ClientDuplexStream<Frame, Frame>;
  const call = open.call(client);
  // How it ends is told by the status.
  call.on('error', () => undefined);
  const status = new Promise<StatusObject>((resolve) => call.once('status', resolve));
  releases.push(() => {
    client.close();
    listener[Symbol.dispose]();
  });
  return { connection: await listener.next(), call, status };
}
