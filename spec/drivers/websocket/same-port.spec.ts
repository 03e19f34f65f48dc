import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import express from 'express';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

import { WebSocketDriver } from '../../../lib/drivers/websocket/websocket-driver.js';
import { AppIds, CommErrorCode, ConnectionSecurity, Mode, textMessage, textOf } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { testCertificates } from '../../support/certificates.js';
import { communicator, stopAll, untilState } from '../../support/communicators.js';
import { endOf, listening } from './listening.js';
import { answerTo, upgradeRequest } from './raw-client.js';

describe('a listener beside an Express application', () => {
  let server: Server;
  let origin: string;
  let driver: WebSocketDriver;

  beforeEach(async () => {
    const app = express();
    app.get('/hello', (_, response) => void response.send('from express'));
    server = createServer(app);
    driver = new WebSocketDriver({ server });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    await stopAll();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  it('shares its port: a hub and routes', async () => {
    const hub = communicator('hub');
    hub.addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl(origin), false);
    hub.messages(AppIds.DEFAULT).subscribe(({ endpoint, message }) => {
      hub.send(endpoint, AppIds.DEFAULT, textMessage(`${textOf(message)}, ${endpoint.name}`));
    });
    await hub.start();

    const site = communicator('site-1');
    site.addConnectorAdvanced(new WebSocketDriver(), Mode.ACTIVE, parseUrl(origin), false);
    const answer = firstValueFrom(site.messages(AppIds.DEFAULT));
    await site.start();
    await untilState(site, 'hub');
    site.send('hub', AppIds.DEFAULT, textMessage('hello'));
    expect(textOf((await answer).message)).toBe('hello, site-1');
    expect(await getText(`${origin}/hello`)).toBe('200 from express');

    await hub.stop();
    expect(server.listening).toBe(true);
    expect(server.listenerCount('upgrade')).toBe(0);
    expect(await getText(`${origin}/hello`)).toBe('200 from express');
    expect(await getText(`${origin}/f3`)).toMatch(/^404 /);
  });

  it('leaves other upgrades to another WebSocketServer', async () => {
    const other = new WebSocketServer({ noServer: true });
    other.on('connection', (ws) => ws.send('from the other'));
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/chat') return;
      other.handleUpgrade(request, socket, head, (ws) => other.emit('connection', ws, request));
    });
    using listener = await listening(driver, parseUrl(origin));
    const chat = new WebSocket(`${origin}/chat`);
    expect(String((await once(chat, 'message'))[0])).toBe('from the other');

    const ours = new WebSocket(`${origin}/f3`);
    await once(ours, 'open');
    const ends = [endOf(await listener.next()), once(chat, 'close')];
    ours.close();
    chat.close();
    await Promise.all(ends);
  });

  it.each(['/', '/elsewhere'])('leaves an upgrade at %s alone where others listen for it', async (path) => {
    using _listener = await listening(driver, parseUrl(origin));
    server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 418 Mine\r\n\r\n'));
    expect(await answerTo(origin, upgradeRequest(path))).toBe('HTTP/1.1 418 Mine\r\n\r\n');
  });

  it('lets the application answer an upgrade that nobody listens for', async () => {
    using _listener = await listening(driver, parseUrl(origin));
    expect(await answerTo(origin, upgradeRequest('/hello', { Upgrade: 'h2c' }))).toMatch(
      /^HTTP\/1.1 200 .*from express/s,
    );
    expect(await answerTo(origin, upgradeRequest('/elsewhere'))).toMatch(/^HTTP\/1.1 404 /);
  });

  it('takes the path of its URL instead of /f3', async () => {
    using listener = await listening(driver, parseUrl(`${origin}/hub/one`));
    expect(listener.url).toBe(`${origin}/hub/one`);
    await expect(firstValueFrom(new WebSocketDriver().connect(parseUrl(origin)))).rejects.toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
    });
    const active = await firstValueFrom(new WebSocketDriver().connect(parseUrl(listener.url)));
    await Promise.all([endOf(active), endOf(await listener.next())]);
  });

  it('waits for its server to listen, and ends when that closes', async () => {
    const later = createServer();
    const listeners = () => ['upgrade', 'close', 'listening'].map((event) => later.listenerCount(event));
    const before = listeners();
    const listener$ = new WebSocketDriver({ server: later }).listen(parseUrl('http://127.0.0.1:0'));
    const ended = new Promise((resolve) => {
      listener$.subscribe({ next: () => later.close(), error: resolve });
    });
    later.listen(0, '127.0.0.1');
    expect(await ended).toMatchObject({ code: CommErrorCode.CLOSED });
    expect(listeners()).toEqual(before);
  });

  it('wants an HTTPS server where TLS is asked for', async () => {
    const listener$ = driver.listen({ ...parseUrl(origin), secure: true });
    await expect(firstValueFrom(listener$)).rejects.toMatchObject({ code: CommErrorCode.BAD_CONFIG });
  });
});

describe('a listener on an HTTPS server', () => {
  it('sees the certificates that the server asks for', async () => {
    const { ca, hub, site1 } = await testCertificates();
    const [cert, key, root] = [hub.cert, hub.key, ca].map((path) => readFileSync(path));
    const server = createHttpsServer({ cert, key, ca: root, requestCert: true });
    server.listen(0, '127.0.0.1');
    using listener = await listening(new WebSocketDriver({ server }), parseUrl('http://127.0.0.1:0'));
    expect(listener.url).toMatch(/^https:/);

    const params = { ...parseUrl(listener.url), connection_security: ConnectionSecurity.MTLS, ca_cert: ca };
    const pair = { client_cert: site1.cert, client_key: site1.key };
    const connected = firstValueFrom(new WebSocketDriver().connect({ ...params, ...pair }));
    const accepted = await listener.next();
    expect(accepted.properties).toMatchObject({ peer_cn: 'site-1', tls: 'TLSv1.3' });
    const active = await connected;
    await Promise.all([endOf(active), endOf(accepted)]);
    server.close();
    await once(server, 'close');
  });
});

async function getText(url: string): Promise<string> {
  const response = await fetch(url, { headers: { Connection: 'close' } });
  return `${response.status} ${await response.text()}`;
}
