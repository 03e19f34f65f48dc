import { once } from 'node:events';
import { createServer, type Server } from 'node:http';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { WebSocketDriver } from '../../../lib/drivers/websocket/websocket-driver.js';
import { parseUrl } from '../../../lib/index.js';
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
    'refuses %j with 403',
    async (Origin) => {
      using listener = await listening(driver, parseUrl('http://127.0.0.1:0'));
      expect(await answerTo(listener.url, upgradeRequest('/f3', { Origin }))).toMatch(
        /^HTTP\/1.1 403 Forbidden\r\n/,
      );
    },
  );
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
