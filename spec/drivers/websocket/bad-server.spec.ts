import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { WebSocketDriver } from '../../../lib/drivers/websocket/websocket-driver.js';
import { CommErrorCode } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';

const driver = new WebSocketDriver();

describe('an active WebSocket', () => {
  let server: Server;
  let answer = '';

  beforeEach(async () => {
    server = createServer((socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end(answer));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(() => server.close());

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n', CommErrorCode.BAD_DATA],
    ['nothing', '', CommErrorCode.CLOSED],
    ['404', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', CommErrorCode.BAD_CONFIG],
    ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', CommErrorCode.BAD_CONFIG],
    ['a proxy without its server', 'HTTP/1.1 502 Bad Gateway\r\n\r\n', CommErrorCode.NOT_READY],
    [
      'a wrong accept key',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      CommErrorCode.BAD_DATA,
    ],
  ])('takes %s for an error', async (_, text, code) => {
    answer = text;
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    await expect(firstValueFrom(driver.connect(parseUrl(url)))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(url) as string,
    });
  });

  it.each([
    ['a port of 0', { port: 0 }],
    ['a header with a line break', { port: 9, headers: { 'X-Two': 'a\r\nb' } }],
    ['headers that are no map', { port: 9, headers: 'x' }],
    ['an agent that is none', { port: 9, agent: {} }],
  ])('refuses %s', async (_, params) => {
    const connecting = firstValueFrom(driver.connect({ scheme: 'http', host: '127.0.0.1', ...params }));
    await expect(connecting).rejects.toMatchObject({ code: CommErrorCode.BAD_CONFIG });
  });
});
