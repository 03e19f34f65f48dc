import { connect } from '@nats-io/transport-node';

import { NatsServer } from '../../support/nats-server.js';
import { chunksOf, inFlight, inWindows, type System, timed } from '../system.js';
import { frameOf } from './frames.js';

/** A server drops a client that is 64 MiB behind. */
const WINDOW_BYTES = 4 * 1024 ** 2;

/** nats.js with a real nats-server between the two ends. It has no streams: each chunk is a request here. */
export const nats: System = {
  name: 'nats.js',
  transport: 'cells',
  async serve() {
    const server = await NatsServer.start();
    const connection = await connect({ servers: server.address });
    connection.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
    connection.subscribe('chunk', { callback: (_, message) => void message.respond() });
    await connection.flush();
    return {
      address: server.address,
      beside: [server.pid],
      async close() {
        await connection.close();
        await server.stop();
      },
    };
  },
  async connect(address) {
    const connection = await connect({ servers: address });
    const ask = (subject: string, payload: Uint8Array) =>
      connection.request(subject, payload, { timeout: 10_000 });
    return timed({
      async echo(payload) {
        await ask('echo', payload);
      },
      pipelined: (payload, count) => inFlight(count, () => ask('echo', payload)),
      stream: async (bytes) => {
        const chunks = [...chunksOf(bytes)];
        await inFlight(chunks.length, () => ask('chunk', chunks.pop() ?? new Uint8Array()), 16);
      },
      close: () => connection.close(),
    });
  },
};

/** From one client of a real nats-server to another: what a hop takes at least. */
export const natsHop: System = {
  name: 'nats.js',
  transport: 'hop',
  async serve() {
    const server = await NatsServer.start();
    const connection = await connect({ servers: server.address });
    let received = 0;
    connection.subscribe('data', {
      callback: (_, message) => {
        received += 1;
        message.respond(String(received));
      },
    });
    connection.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
    await connection.flush();
    return {
      address: server.address,
      beside: [server.pid],
      async close() {
        await connection.close();
        await server.stop();
      },
    };
  },
  async connect(address) {
    const connection = await connect({ servers: address });
    let sent = 0;
    return timed({
      async oneWay(payload, count) {
        const frame = frameOf('data', payload);
        const ask = async (): Promise<void> => {
          const expected = (sent += 1);
          const { data } = await connection.request('data', frame, { timeout: 10_000 });
          if (Number(new TextDecoder().decode(data)) !== expected)
            throw new Error('NATS has dropped messages');
        };
        const send = (): void => {
          sent += 1;
          connection.publish('data', frame);
        };
        await inWindows(count, Math.ceil(WINDOW_BYTES / frame.length), send, ask);
      },
      async echo(payload) {
        await connection.request('echo', frameOf('echo', payload), { timeout: 10_000 });
      },
      close: () => connection.close(),
    });
  },
};
