import { firstValueFrom } from 'rxjs';

import { Communicator, type CommunicatorOf, Endpoint, Mode } from '../package.js';
import { headersOf, type System, timed } from '../system.js';

const APP = 1;
const DATA = { headers: headersOf('data') };

/** rxflare as its users have it: a Communicator on each side, headers read on receipt. */
export function rxflare(transport: string, listenUrl = `${transport}://127.0.0.1:0`): System {
  return {
    name: 'rxflare',
    transport,
    async serve() {
      const hub = new Communicator(new Endpoint('hub'));
      hub.registerMessageReceiver(APP, ({ endpoint, message }) => {
        const kind = message.headers?.kind;
        if (kind === 'echo')
          hub.send(endpoint, APP, { headers: headersOf('data'), payload: message.payload });
        else if (kind === 'last') hub.send(endpoint, APP, { headers: message.headers });
      });
      const { connectUrl } = await listen(hub, listenUrl);
      return { address: connectUrl, close: () => hub.stop() };
    },
    async connect(address) {
      const site = new Communicator(new Endpoint('site-1'));
      site.addConnector(address, Mode.ACTIVE);
      await site.start();
      await firstValueFrom(site.ready('hub'));
      const answer = () => firstValueFrom(site.messages(APP));
      return timed({
        async oneWay(payload, count) {
          const message = { ...DATA, payload };
          for (let left = count; left > 1; left -= 1) {
            if (!site.send('hub', APP, message)) await firstValueFrom(site.drained('hub'));
          }
          const done = answer();
          // NVFlare receives in no particular order, so the last message tells how many there are.
          site.send('hub', APP, { headers: { ...headersOf('last'), count }, payload });
          await done;
        },
        async echo(payload) {
          const back = answer();
          site.send('hub', APP, { headers: headersOf('echo'), payload });
          await back;
        },
        close: () => site.stop(),
      });
    },
  };
}

/** The same where Node and glibc keep the memory that they have: see `docs/benchmarks.md`, "Large messages". */
export const tuned: System = {
  ...rxflare('tcp'),
  name: 'rxflare, tuned',
  node: {
    execArgv: ['--initial-old-space-size=128'],
    env: { MALLOC_MMAP_THRESHOLD_: String(32 * 1024 ** 2), MALLOC_TRIM_THRESHOLD_: String(256 * 1024 ** 2) },
  },
};

async function listen(hub: CommunicatorOf, url: string): Promise<{ connectUrl: string }> {
  const listening = new Promise<string>((resolve) => {
    hub.lifecycle$.subscribe((event) => {
      if (event.type === 'listening') resolve(event.url);
    });
  });
  hub.addConnector(url, Mode.PASSIVE);
  await hub.start();
  return { connectUrl: await listening };
}

/** Both ends in one process, as the transport has it: the serving worker only lends its name. */
export const inProcess: System = {
  name: 'rxflare',
  transport: 'in-process',
  serve: () => Promise.resolve({ address: 'inproc://bench', close: () => Promise.resolve() }),
  async connect(address) {
    const both = rxflare('inproc', address);
    const served = await both.serve();
    const client = await both.connect(address);
    return {
      ...client,
      async close() {
        await client.close();
        await served.close();
      },
    };
  },
};
