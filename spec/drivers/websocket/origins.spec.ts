import { once } from 'node:events';
import { createServer, type Server } from 'node:http';

import { filter, firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { WebSocketDriver } from '../../../lib/drivers/websocket/websocket-driver.js';
import { CommError, CommErrorCode, Communicator, Endpoint, Mode } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { describeEvent } from '../../../lib/monitor/reported-event.js';
import { endOf, listening } from './listening.js';
import { answerTo, upgradeRequest } from './raw-client.js';

const origins = ['https://app.example.com', 'http://localhost:4200'];

describe.each(['alone', 'attached'])('a listener with origins, %s', (how) => {
  let server: Server | undefined;
  let driver: WebSocketDriver;

  beforeEach(() => {
    server = how === 'attached' ? createServer().listen(0, '127.0.0.1') : undefined;
    driver = new WebSocketDriver({ origins, ...(server === undefined ? {} : { server }) });
  });

  afterEach(() => void server?.close());

  it.each([...origins, undefined])('lets in %s', async (origin) => {
    using listener = await listening(driver, parseUrl('http://127.0.0.1:0'));
    const ws = new WebSocket(`${listener.url}/f3`, origin === undefined ? {} : { origin });
    await once(ws, 'open');
    const ended = endOf(await listener.next());
    ws.close();
    expect(await ended).toBe('complete');
  });

  it.each(['https://evil.example.com', 'https://app.example.com:8443', 'http://app.example.com', 'null', ''])(
    'refuses %j with 403, and reports it',
    async (Origin) => {
      using listener = await listening(driver, parseUrl('http://127.0.0.1:0'));
      expect(await answerTo(listener.url, upgradeRequest('/f3', { Origin }))).toMatch(
        /^HTTP\/1.1 403 Forbidden\r\n/,
      );
      expect(listener.failures).toEqual([
        {
          peerAddr: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
          error: expect.any(CommError) as CommError,
        },
      ]);
      const { code, message } = listener.failures[0]?.error ?? {};
      expect(code).toBe(CommErrorCode.REFUSED);
      expect(message).toContain(
        `${listener.url}: the origin ${JSON.stringify(Origin)} of a page at 127.0.0.1:`,
      );
    },
  );

  it('reports an origin in one line of bounded length', async () => {
    using listener = await listening(driver, parseUrl('http://127.0.0.1:0'));
    await answerTo(listener.url, upgradeRequest('/f3', { Origin: `\u0085"${'x'.repeat(5_000)}` }));
    expect(listener.failures[0]?.error.message).toMatch(/the origin "\u00c2\\u0085\\"x{97}\.\.\." of a page/);
  });

  it('tells it on lifecycle$, where the programs of operators look', async () => {
    const hub = new Communicator(new Endpoint('hub'));
    const failed = firstValueFrom(hub.lifecycle$.pipe(filter((event) => event.type === 'handshake-failed')));
    const listens = firstValueFrom(hub.lifecycle$.pipe(filter((event) => event.type === 'listening')));
    hub.addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl('http://127.0.0.1:0'), false);
    await hub.start();
    const { url } = await listens;
    await answerTo(url, upgradeRequest('/f3', { Origin: 'https://evil.example.com' }));
    expect(await failed).toMatchObject({ connections: 1, error: { code: CommErrorCode.REFUSED } });
    expect(describeEvent(await failed)).toMatch(/"https:\/\/evil\.example\.com".*`origins` \(1 so far\)$/);
    await hub.stop();
  });
});

describe('a listener without origins', () => {
  it('lets in pages from everywhere', async () => {
    using listener = await listening(new WebSocketDriver(), parseUrl('http://127.0.0.1:0'));
    const ws = new WebSocket(`${listener.url}/f3`, { origin: 'https://anywhere.example.com' });
    await once(ws, 'open');
    const ended = endOf(await listener.next());
    ws.close();
    expect(await ended).toBe('complete');
  });
});
