import { filter, firstValueFrom, fromEvent, map, type Observable } from 'rxjs';

import { Communicator, Endpoint, Mode } from '../../../lib/browser.js';
import { headersOf } from '../system.js';
import type { HubUrls } from './hub.js';
import type { BrowserSystem } from './row.js';
import { APP, frameOf, isLast, type Series } from './series.js';

/** What the page lets the benchmark do. */
export interface PageBench {
  /** Joins the hub, and connects a WebSocket to the bare server. */
  connect(urls: HubUrls): Promise<void>;
  /** Sends a series; the seconds until the server has all of it. */
  send(system: BrowserSystem, series: Series): Promise<number>;
  /** The seconds from now until the last message of a series is there. */
  receive(system: BrowserSystem): Promise<number>;
}

declare global {
  interface Window {
    bench: PageBench;
  }
}

const HIGH_WATER_MARK_BYTES = 1024 * 1024;

const page = new Communicator(new Endpoint('page-1'));
let socket: WebSocket;

window.bench = {
  async connect(urls) {
    page.addConnector(urls.rxflare, Mode.ACTIVE);
    await page.start();
    await firstValueFrom(page.ready('hub'));
    socket = new WebSocket(urls.webSocket);
    socket.binaryType = 'arraybuffer';
    await firstValueFrom(fromEvent(socket, 'open'));
  },

  async send(system, series) {
    const startedAt = performance.now();
    const done = firstValueFrom(lasts(system));
    await (system === 'rxflare' ? sendByPage(series) : sendBySocket(series));
    await done;
    return (performance.now() - startedAt) / 1_000;
  },

  async receive(system) {
    const startedAt = performance.now();
    await firstValueFrom(lasts(system));
    return (performance.now() - startedAt) / 1_000;
  },
};

function lasts(system: BrowserSystem): Observable<unknown> {
  if (system === 'rxflare')
    return page.messages(APP).pipe(filter(({ message }) => message.headers?.kind === 'last'));
  return fromEvent<MessageEvent<ArrayBuffer>>(socket, 'message').pipe(
    map(({ data }) => new Uint8Array(data)),
    filter(isLast),
  );
}

async function sendByPage({ bytes, count }: Series): Promise<void> {
  const payload = new Uint8Array(bytes);
  for (let left = count; left > 0; left -= 1) {
    const headers = headersOf(left === 1 ? 'last' : 'data');
    if (!page.send('hub', APP, { headers, payload })) await firstValueFrom(page.drained('hub'));
  }
}

async function sendBySocket({ bytes, count }: Series): Promise<void> {
  const [data, last] = [frameOf('data', bytes), frameOf('last', bytes)];
  for (let left = count; left > 0; left -= 1) {
    while (socket.bufferedAmount >= HIGH_WATER_MARK_BYTES) await nextTask();
    socket.send(left === 1 ? last : data);
  }
}

/** A browser has no event for `bufferedAmount`. A timer would wait for 4 ms, a message channel does not. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
