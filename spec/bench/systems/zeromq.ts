import { Dealer, Router } from 'zeromq';

import { type System, timed } from '../system.js';
import { headOf, kindOf } from './frames.js';

const HIGH_WATER_MARK_MESSAGES = 10_000;

/** ZeroMQ: a dealer that sends to a router, one message of one part for each frame. */
export const zeromq: System = {
  name: 'zeromq',
  transport: 'tcp',
  async serve() {
    const router = new Router({ receiveHighWaterMark: HIGH_WATER_MARK_MESSAGES });
    await router.bind('tcp://127.0.0.1:*');
    void serve(router);
    return {
      address: router.lastEndpoint ?? '',
      close() {
        router.close();
        return Promise.resolve();
      },
    };
  },
  connect(address) {
    const dealer = new Dealer({ sendHighWaterMark: HIGH_WATER_MARK_MESSAGES });
    dealer.connect(address);
    const send = (head: Uint8Array, payload: Uint8Array) => dealer.send(Buffer.concat([head, payload]));
    const client = timed({
      async oneWay(payload: Uint8Array, count: number) {
        const head = headOf('data', payload.length);
        for (let left = count; left > 1; left -= 1) await send(head, payload);
        await send(headOf('last', payload.length), payload);
        await dealer.receive();
      },
      async echo(payload: Uint8Array) {
        await send(headOf('echo', payload.length), payload);
        await dealer.receive();
      },
      close() {
        dealer.close();
        return Promise.resolve();
      },
    });
    return Promise.resolve(client);
  },
};

async function serve(router: Router): Promise<void> {
  for await (const [from, frame] of router) {
    if (from === undefined || frame === undefined) continue;
    const kind = kindOf(frame);
    if (kind === 'echo') await router.send([from, frame]);
    else if (kind === 'last') await router.send([from, headOf('data', 0)]);
  }
}
