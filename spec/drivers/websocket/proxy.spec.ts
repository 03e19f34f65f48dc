import { once } from 'node:events';
import { Agent, createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { WebSocketDriver } from '../../../lib/drivers/websocket/websocket-driver.js';
import type { DriverParams } from '../../../lib/transport/driver.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { frameOf } from '../../contract/pair.js';
import { endOf, type Listening, listening } from './listening.js';

/** Where the proxy is told to go; no such name exists. */
const TARGET = 'http://hub.invalid:8002';

let listener: Listening;
let proxy: Server;
let seen: IncomingHttpHeaders;

beforeEach(async () => {
  listener = await listening(new WebSocketDriver(), parseUrl('http://127.0.0.1:0'));
  const { port } = new URL(listener.url);
  // A reverse proxy: it hands the request on as it came, and then whatever either side says.
  proxy = createServer().on('upgrade', (request, socket: Duplex) => {
    seen = request.headers;
    const upstream = connect(Number(port), '127.0.0.1', () => {
      const lines = request.rawHeaders.map((part, index) => part + (index % 2 === 0 ? ': ' : '\r\n'));
      upstream.write(`GET ${request.url ?? ''} HTTP/1.1\r\n${lines.join('')}\r\n`);
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [upstream, socket]) end.on('error', () => undefined);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});

afterEach(() => {
  listener[Symbol.dispose]();
  proxy.close();
});

/** Connects to the proxy, wherever it is asked to go, as the agents of proxies do. */
class ProxyAgent extends Agent {
  readonly asked: string[] = [];

  override createConnection(options: { host?: string; port?: number | string }): Socket {
    this.asked.push(`${options.host ?? ''}:${options.port ?? ''}`);
    return connect((proxy.address() as AddressInfo).port, '127.0.0.1');
  }
}

describe('an active WebSocket', () => {
  it.each([
    ['its driver', (agent: Agent): [WebSocketDriver, object] => [new WebSocketDriver({ agent }), {}]],
    ['its connector', (agent: Agent): [WebSocketDriver, object] => [new WebSocketDriver(), { agent }]],
  ])('goes through the agent of %s', async (_, make) => {
    const agent = new ProxyAgent();
    const [driver, more] = make(agent);
    await exchange(driver, { ...parseUrl(TARGET), ...more });
    expect(agent.asked).toEqual(['hub.invalid:8002']);
    expect(seen.host).toBe('hub.invalid:8002');
  });

  it('sends the headers of its driver and of its connector', async () => {
    const driver = new WebSocketDriver({
      agent: new ProxyAgent(),
      headers: { Authorization: 'Bearer one', 'X-Site': 'from the driver' },
    });
    const headers = { 'X-Site': 'from the connector', 'X-Number': 7 };
    await exchange(driver, { ...parseUrl(TARGET), headers });
    expect(seen).toMatchObject({
      authorization: 'Bearer one',
      'x-site': 'from the connector',
      'x-number': '7',
    });
  });

  it('sends neither compression nor the query, which holds parameters', async () => {
    await exchange(
      new WebSocketDriver({ agent: new ProxyAgent() }),
      parseUrl(`${TARGET}/f3?client_key=secret`),
    );
    expect(seen).not.toHaveProperty('sec-websocket-extensions');
    expect(JSON.stringify(seen)).not.toContain('secret');
  });
});

/** One frame through whatever is between. */
async function exchange(driver: WebSocketDriver, params: DriverParams): Promise<void> {
  const frame = frameOf(1, 100_000);
  const ended = new Promise((resolve) => {
    driver.connect(params).subscribe({
      next: (connection) => {
        connection.send(frame.subarray(0, 16), frame.subarray(16));
        resolve(endOf(connection));
      },
      error: resolve,
    });
  });
  const accepted = await listener.next();
  accepted.maxFrameBytes = 1_000_000;
  expect(Buffer.compare(await firstValueFrom(accepted.frames$), frame)).toBe(0);
  await accepted.close();
  expect(await ended).toBe('complete');
}
