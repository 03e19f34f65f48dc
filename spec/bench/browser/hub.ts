/** What pages talk to in the browser benchmark, in a process of its own: a hub of rxflare, and `ws` alone. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { filter, firstValueFrom } from 'rxjs';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';

import { answerRequests } from '../child.js';
import { Communicator, type CommunicatorOf, Endpoint, Mode, parseUrl, WebSocketDriver } from '../package.js';
import { headersOf } from '../system.js';
import type { BrowserSystem } from './row.js';
import { APP, frameOf, isLast, type Series } from './series.js';

/** What the main process asks of it. */
export type HubRequest =
  | { readonly do: 'listen'; readonly origin: string }
  | ({ readonly do: 'send-series'; readonly system: BrowserSystem } & Series)
  | { readonly do: 'close' };

/** Where it listens. */
export interface HubUrls {
  readonly rxflare: string;
  readonly webSocket: string;
}

const HIGH_WATER_MARK_BYTES = 1024 * 1024;

let hub: CommunicatorOf;
let server: WebSocketServer;

answerRequests(async (request: HubRequest): Promise<unknown> => {
  switch (request.do) {
    case 'listen':
      return listenBoth(request.origin);
    case 'send-series':
      return request.system === 'rxflare' ? sendByHub(request) : sendBySocket(request);
    case 'close':
      server.close();
      return hub.stop();
  }
});

async function listenBoth(origin: string): Promise<HubUrls> {
  hub = new Communicator(new Endpoint('hub'));
  const driver = new WebSocketDriver({ origins: [origin] });
  hub.registerMessageReceiver(APP, ({ endpoint, message }) => {
    if (message.headers?.kind === 'last') hub.send(endpoint, APP, { headers: message.headers });
  });
  const bound = firstValueFrom(hub.lifecycle$.pipe(filter((event) => event.type === 'listening')));
  hub.addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl('ws://127.0.0.1:0'), false);
  await hub.start();
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 0 });
  server.on('connection', (socket) =>
    socket.on('message', (data: RawData) => {
      if (isLast(new Uint8Array(data as Buffer))) socket.send(frameOf('last', 0));
    }),
  );
  await once(server, 'listening');
  return {
    rxflare: (await bound).url,
    webSocket: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
}

async function sendByHub({ bytes, count }: Series): Promise<void> {
  const payload = new Uint8Array(bytes);
  for (let left = count; left > 0; left -= 1) {
    const headers = headersOf(left === 1 ? 'last' : 'data');
    if (!hub.send('page-1', APP, { headers, payload })) await firstValueFrom(hub.drained('page-1'));
  }
}

async function sendBySocket({ bytes, count }: Series): Promise<void> {
  const [socket] = server.clients as ReadonlySet<WebSocket>;
  if (socket === undefined) throw new Error('no page has connected');
  const [data, last] = [frameOf('data', bytes), frameOf('last', bytes)];
  for (let left = count; left > 0; left -= 1) {
    const frame = left === 1 ? last : data;
    if (socket.bufferedAmount < HIGH_WATER_MARK_BYTES) socket.send(frame);
    else await new Promise<void>((resolve) => socket.send(frame, () => resolve()));
  }
}
