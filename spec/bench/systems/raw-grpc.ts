import {
  type ChannelCredentials,
  type ClientDuplexStream,
  credentials,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';

import {
  beginFrameMessage,
  decodeFrameMessage,
  PREFIX_BYTES,
} from '../../../lib/drivers/grpc/frame-message.js';
import { isSecure } from '../certificates.js';
import { type System, timed } from '../system.js';
import { tlsOptions } from './bulk.js';
import { headOf, kindOf } from './frames.js';

type Bytes = Uint8Array;

const NOTHING: Bytes = new Uint8Array(0);

const SERVICE: ServiceDefinition = {
  stream: {
    path: '/bench.Bench/Stream',
    requestStream: true,
    responseStream: true,
    requestSerialize: (message: Bytes) => encode(message),
    requestDeserialize: (bytes: Buffer) => decodeFrameMessage(bytes),
    responseSerialize: (message: Bytes) => encode(message),
    responseDeserialize: (bytes: Buffer) => decodeFrameMessage(bytes),
  },
};
/** grpc-js adds the prefix itself. */
function encode(message: Bytes): Buffer {
  return Buffer.concat([beginFrameMessage(1, NOTHING, message.length).subarray(PREFIX_BYTES), message]);
}

const LIMITS = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

/** `@grpc/grpc-js` alone: one message of a bidirectional stream for each frame. */
export const rawGrpc = (transport: string): System => ({
  name: 'grpc-js',
  transport,
  async serve() {
    const server = new Server(LIMITS);
    server.addService(SERVICE, {
      stream(call: ServerDuplexStream<Bytes, Bytes>) {
        call.on('data', (frame: Bytes) => {
          const kind = kindOf(frame);
          if (kind === 'echo') call.write(frame);
          else if (kind === 'last') call.write(headOf('data', 0));
        });
        call.on('end', () => call.end());
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', serverCredentials(transport), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    return {
      address: `127.0.0.1:${port}`,
      close() {
        server.forceShutdown();
        return Promise.resolve();
      },
    };
  },
  connect(address) {
    const GenericClient = makeGenericClientConstructor(SERVICE, 'Bench');
    const client = new GenericClient(address, clientCredentials(transport), LIMITS);
    const open = client.stream as unknown as () => ClientDuplexStream<Bytes, Bytes>;
    const call = open.call(client);
    call.on('error', () => undefined);
    const answer = () => new Promise<void>((resolve) => call.once('data', () => resolve()));
    const send = (head: Bytes, payload: Bytes) => call.write(Buffer.concat([head, payload]));
    const sender = timed({
      async oneWay(payload: Bytes, count: number) {
        const head = headOf('data', payload.length);
        for (let left = count; left > 1; left -= 1) {
          if (!send(head, payload)) await new Promise((resolve) => call.once('drain', resolve));
        }
        const done = answer();
        send(headOf('last', payload.length), payload);
        await done;
      },
      async echo(payload: Bytes) {
        const back = answer();
        send(headOf('echo', payload.length), payload);
        await back;
      },
      close() {
        call.cancel();
        client.close();
        return Promise.resolve();
      },
    });
    return Promise.resolve(sender);
  },
});

function serverCredentials(transport: string): ServerCredentials {
  if (!isSecure(transport)) return ServerCredentials.createInsecure();
  const { ca, cert, key } = tlsOptions('hub');
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

function clientCredentials(transport: string): ChannelCredentials {
  if (!isSecure(transport)) return credentials.createInsecure();
  const { ca, cert, key } = tlsOptions('site-1');
  return credentials.createSsl(ca, key, cert);
}
