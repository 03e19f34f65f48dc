import { filter, firstValueFrom, take, toArray } from 'rxjs';

import { Communicator, Endpoint, EndpointState, type Message, Mode } from '../../lib/browser.js';
import { APP, LARGE_APP } from './apps.js';

/** What the page lets the test do. */
export interface PageHarness {
  /** What `endpoints$` showed of the hub, oldest first. */
  readonly hubStates: readonly EndpointState[];
  /** Becomes an endpoint of a hub. */
  join(name: string, url: string): Promise<void>;
  /** Sends numbered messages, as fast as they are taken. */
  sendNumbers(count: number): Promise<void>;
  /** The numbers of the next messages. */
  receiveNumbers(count: number): Promise<number[]>;
  /** Sends a large message and tells what comes back: its size, and whether it is the same. */
  echo(bytes: number): Promise<{ bytes: number; isSame: boolean }>;
  stop(): Promise<void>;
}

declare global {
  interface Window {
    harness: PageHarness;
  }
}

let page: Communicator | undefined;
const hubStates: EndpointState[] = [];

function joined(): Communicator {
  if (page === undefined) throw new Error('join first');
  return page;
}

async function send(appId: number, message: Message): Promise<void> {
  if (!joined().send('hub', appId, message)) await firstValueFrom(joined().drained('hub'));
}

window.harness = {
  hubStates,

  async join(name, url) {
    page = new Communicator(new Endpoint(name), { reconnectDelayMs: 50, maxReconnectDelayMs: 200 });
    page.endpoint('hub').subscribe((hub) => {
      if (hub !== undefined) hubStates.push(hub.state);
    });
    page.addConnector(url, Mode.ACTIVE);
    await page.start();
    await firstValueFrom(page.endpoint('hub').pipe(filter((hub) => hub?.state === EndpointState.READY)));
  },

  async sendNumbers(count) {
    for (let number = 0; number < count; number += 1) await send(APP, { headers: { number } });
  },

  async receiveNumbers(count) {
    const messages = await firstValueFrom(joined().messages(APP).pipe(take(count), toArray()));
    return messages.map(({ message }) => Number(message.headers?.number));
  },

  async echo(bytes) {
    const payload = Uint8Array.from({ length: bytes }, (_, index) => index * 31);
    const back = firstValueFrom(joined().messages(LARGE_APP));
    await send(LARGE_APP, { payload });
    const echoed = (await back).message.payload ?? new Uint8Array(0);
    return { bytes: echoed.length, isSame: echoed.every((byte, index) => byte === payload[index]) };
  },

  async stop() {
    await joined().stop();
  },
};
