import { firstValueFrom, lastValueFrom, take, tap } from 'rxjs';

import { connectionProperties } from '../certificates.js';
import { Communicator, type CommunicatorOf, Endpoint, type MessageReceiver, Mode } from '../package.js';
import { type Client, headersOf, IN_FLIGHT, type System, timed } from '../system.js';

/** The application of all messages. */
export const APP = 1;
const DATA = { headers: headersOf('data') };

/** How rxflare is used. */
interface Options {
  /** The receiver borrows its payloads. */
  readonly borrow?: boolean;
  readonly listenUrl?: string;
}

/** rxflare as its users have it: a Communicator on each side, headers read on receipt. */
export function rxflare(transport: string, { borrow = false, listenUrl }: Options = {}): System {
  return {
    name: borrow ? 'rxflare, borrowing' : 'rxflare',
    transport,
    async serve() {
      const hub = new Communicator(new Endpoint('hub', {}, connectionProperties(transport, 'hub')));
      answer(hub, borrow);
      const { connectUrl } = await listen(hub, listenUrl ?? `${transport}://127.0.0.1:0`);
      return { address: connectUrl, close: () => hub.stop() };
    },
    async connect(address) {
      const site = await connected('site-1', address, 'hub', connectionProperties(transport, 'site-1'));
      return sender(site, 'hub');
    },
  };
}

/** Sends back what is of kind `last` or `echo`. */
export function answer(receiver: CommunicatorOf, borrow = false): void {
  const receive: MessageReceiver = ({ endpoint, message }) => {
    const kind = message.headers?.kind;
    if (kind === 'echo')
      receiver.send(endpoint, APP, { headers: headersOf('data'), payload: message.payload });
    else if (kind === 'last') receiver.send(endpoint, APP, { headers: message.headers });
  };
  receiver.registerMessageReceiver(APP, receive, { borrow });
}

/** Sends to an endpoint that answers. */
export function sender(from: CommunicatorOf, to: string): Client {
  const answered = () => firstValueFrom(from.messages(APP));
  return timed({
    async oneWay(payload, count) {
      const message = { ...DATA, payload };
      for (let left = count; left > 1; left -= 1) {
        if (!from.send(to, APP, message)) await firstValueFrom(from.drained(to));
      }
      const done = answered();
      // NVFlare receives in no particular order, so the last message tells how many there are.
      from.send(to, APP, { headers: { ...headersOf('last'), count }, payload });
      await done;
    },
    async echo(payload) {
      const back = answered();
      from.send(to, APP, { headers: headersOf('echo'), payload });
      await back;
    },
    async pipelined(payload, count) {
      const echo = { headers: headersOf('echo'), payload };
      const send = () => from.send(to, APP, echo);
      let left = count;
      const next = (): void => {
        if (left-- > 0) send();
      };
      const done = lastValueFrom(from.messages(APP).pipe(take(count), tap(next)));
      for (let begun = 0; begun < IN_FLIGHT; begun += 1) next();
      await done;
    },
    close: () => from.stop(),
  });
}

/** What cells are made of. */
export const communicator: System = {
  ...rxflare('tcp'),
  name: 'rxflare Communicator',
  transport: 'cells',
  can: ({ kind }) => kind !== 'stream',
};

/** The same where Node and glibc keep the memory that they have: see `docs/benchmarks.md`, "Large messages". */
export const tuned: System = {
  ...rxflare('tcp'),
  name: 'rxflare, tuned',
  node: {
    execArgv: ['--initial-old-space-size=128'],
    env: { MALLOC_MMAP_THRESHOLD_: String(32 * 1024 ** 2), MALLOC_TRIM_THRESHOLD_: String(256 * 1024 ** 2) },
  },
};

/** A Communicator that is connected to another. */
export async function connected(
  name: string,
  address: string,
  to: string,
  connectionProperties: Record<string, string> = {},
): Promise<CommunicatorOf> {
  const site = new Communicator(new Endpoint(name, {}, connectionProperties));
  site.addConnector(address, Mode.ACTIVE);
  await site.start();
  await firstValueFrom(site.ready(to));
  return site;
}

/** Lets a Communicator listen. */
export async function listen(hub: CommunicatorOf, url: string): Promise<{ connectUrl: string }> {
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
    const both = rxflare('inproc', { listenUrl: address });
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
