import { connect } from '@nats-io/transport-node';

import { NatsServer } from '../../support/nats-server.js';
import { chunksOf, inFlight, type System, timed } from '../system.js';

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
      between: server.pid,
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
