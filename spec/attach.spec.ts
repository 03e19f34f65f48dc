import { type EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createSecureServer, createServer as createHttp2Server, type Http2SecureServer } from 'node:http2';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

import express from 'express';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

import { Communicator as BaseCommunicator } from '../lib/communicator.js';
import { WebSocketDriver } from '../lib/drivers/websocket/websocket-driver.js';
import { AppIds, CommErrorCode, Endpoint, Mode, textMessage, textOf } from '../lib/index.js';
import { parseUrl } from '../lib/transport/url.js';
import { testCertificates } from './support/certificates.js';
import { communicator, nextEvent, stopAll, untilState } from './support/communicators.js';

type Server = HttpServer | HttpsServer | Http2SecureServer;

const files = await testCertificates();
const [cert, key, ca] = [files.hub.cert, files.hub.key, files.ca].map((path) => readFileSync(path));
const tls = { cert, key, ca };
const site1 = { cert: readFileSync(files.site1.cert), key: readFileSync(files.site1.key) };
const app = express();
app.get('/hello', (_, response) => void response.send('from express'));

const servers: [string, () => Server][] = [
  ['http', () => createServer(app)],
  ['https', () => createHttpsServer(tls, app)],
  ['https that asks for certificates', () => createHttpsServer({ ...tls, requestCert: true }, app)],
  ['http2 with allowHTTP1', () => createSecureServer({ ...tls, allowHTTP1: true })],
];
const open = new Set<Server>();

afterEach(async () => {
  await stopAll();
  for (const server of open) {
    const closed = once(server, 'close');
    server.close();
    await closed;
  }
  open.clear();
});

describe.each(servers)('a hub that is attached to a server of %s', (_, make) => {
  it('is there when the server listens later, and where it listens already', async () => {
    for (const isLater of [true, false]) {
      const server = make();
      if (!isLater) await listen(server);
      const hub = communicator('hub');
      hub.attach(server);
      const listening = nextEvent(hub, 'listening');
      await hub.start();
      if (isLater) await listen(server);
      const { url } = await listening;
      expect(url).toBe(urlOf(server));

      const site = join(url, 'site-1', files.site1);
      const answer = firstValueFrom(site.messages(AppIds.DEFAULT));
      await site.start();
      await Promise.all([untilState(site, 'hub'), untilState(hub, 'site-1')]);
      hub.send('site-1', AppIds.DEFAULT, textMessage('hello'));
      expect(textOf((await answer).message)).toBe('hello');
      await Promise.all([site.stop(), hub.stop()]);
      expect([server.listening, server.listenerCount('upgrade')]).toEqual([true, 0]);
    }
  });
});

describe('attach', () => {
  it.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'object'],
    ['the application instead of its server', app, 'function'],
    ['an object without a prototype', Object.create(null) as object, 'an object'],
    ['a TCP server', createTcpServer(), 'Server'],
    ['a TLS server', createTlsServer(tls), 'Server'],
    ['an HTTP/2 server in the clear', createHttp2Server(), 'Http2Server'],
    ['an HTTP/2 server without HTTP/1.1', createSecureServer(tls), 'Http2SecureServer'],
  ])('refuses %s at once', (_, server, got) => {
    const refusal = expect.objectContaining({
      code: CommErrorCode.BAD_CONFIG,
      message: expect.stringMatching(new RegExp(`expected an http.Server.*got ${got}`)) as string,
    }) as Error;
    expect(() => communicator('hub').attach(server as unknown as Server)).toThrow(refusal);
    expect(() => new WebSocketDriver({ server: server as unknown as Server })).toThrow(refusal);
  });

  it('is for the Node entry only', () => {
    const { drivers, localEndpoint } = communicator('hub');
    const other = new BaseCommunicator(localEndpoint, {}, drivers);
    expect(() => other.attach(createServer())).toThrow(
      expect.objectContaining({ code: CommErrorCode.NOT_SUPPORTED }) as Error,
    );
  });

  it.each(['f3', '/', '', '/f3?x=1', '/a b', '/f3#x'])('refuses the path %j', (path) => {
    expect(() => communicator('hub').attach(createServer(), { path })).toThrow(
      expect.objectContaining({
        code: CommErrorCode.BAD_CONFIG,
        message: expect.stringContaining('path') as string,
      }) as Error,
    );
  });

  it('refuses to ask pages for certificates that the server does not ask for', () => {
    const driver = new WebSocketDriver({ server: createHttpsServer(tls) });
    const add = () =>
      communicator('hub').addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl('https://0'), false);
    expect(add).toThrow(
      expect.objectContaining({
        code: CommErrorCode.BAD_CONFIG,
        message: expect.stringContaining('requestCert') as string,
      }) as Error,
    );
  });

  it.each([
    ['takes', 'site-1', true],
    ['refuses', 'site-2', false],
  ])('%s the holder of the certificate of site-1 as %s', async (_, name, isIn) => {
    const server = createHttpsServer({ ...tls, requestCert: true, rejectUnauthorized: false });
    const hub = communicator('hub');
    hub.attach(server);
    await Promise.all([hub.start(), listen(server)]);
    const ended = nextEvent(hub, 'disconnected');
    const site = join(urlOf(server), name, files.site1);
    await site.start();
    if (isIn) await untilState(hub, name);
    else expect((await ended).error).toMatchObject({ detail: 'certificate-name' });
    expect(hub.findEndpoint(name)?.state).toBe(isIn ? 'READY' : undefined);
  });

  it('lets nobody in without a certificate where the server asks for one', async () => {
    const server = createHttpsServer({ ...tls, requestCert: true, rejectUnauthorized: false });
    const hub = communicator('hub');
    hub.attach(server);
    await Promise.all([hub.start(), listen(server)]);
    const ended = nextEvent(hub, 'disconnected');
    await join(urlOf(server), 'site-1').start();
    expect((await ended).error).toMatchObject({ detail: 'certificate-name' });
  });

  it('gives two hubs of one server their paths, and the rest to the application, until they end', async () => {
    const server = createServer(app);
    const [one, two] = [communicator('one'), communicator('two')];
    one.attach(server);
    const handle = two.attach(server, { path: '/hubs/two' });
    await Promise.all([one.start(), two.start(), listen(server)]);
    const origin = `http://127.0.0.1:${portOf(server)}`;
    const [first, second] = [join(`${origin}/f3`, 'a'), join(`${origin}/hubs/two`, 'b')];
    await Promise.all([first.start(), second.start()]);
    await Promise.all([untilState(one, 'a'), untilState(two, 'b')]);
    expect(await upgrade(`${origin}/hello`)).toBe(200);
    expect(await upgrade(`${origin}/elsewhere`)).toBe(404);

    await two.removeConnector(handle);
    expect(await upgrade(`${origin}/hubs/two`)).toBe(404);
    expect(one.findEndpoint('a')?.state).toBe('READY');
    two.attach(server, { path: '/hubs/two' });
    await untilState(two, 'b');
  });

  it('refuses a path that another hub of the server has', async () => {
    const server = createServer();
    const [one, two] = [communicator('one'), communicator('two')];
    one.attach(server);
    two.attach(server);
    await one.start();
    await expect(two.start()).rejects.toMatchObject({
      code: CommErrorCode.BAD_CONFIG,
      message: expect.stringContaining('path /f3') as string,
    });
    expect(server.listenerCount('upgrade')).toBe(1);
  });

  it('leaves the upgrades of others to them', async () => {
    const server = createServer(app);
    const hub = communicator('hub');
    hub.attach(server);
    const other = new WebSocketServer({ server, path: '/chat' });
    other.on('connection', (ws) => ws.send('from the other'));
    await Promise.all([hub.start(), listen(server)]);
    const chat = new WebSocket(`ws://127.0.0.1:${portOf(server)}/chat`);
    expect(String((await once(chat, 'message'))[0])).toBe('from the other');
    const closed = once(chat, 'close');
    chat.close();
    await closed;
    other.close();
  });
});

describe.each(servers)('a request that could be upgraded, to a server of %s with a hub', (_, make) => {
  const h2c =
    'Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';

  async function attached(answer: RequestListener): Promise<{ server: Server; client: Duplex }> {
    const server = make();
    (server as EventEmitter).removeAllListeners('request').on('request', answer);
    const hub = communicator('hub');
    hub.attach(server);
    await Promise.all([hub.start(), listen(server)]);
    const options = { port: portOf(server), host: '127.0.0.1' };
    const isTls = 'requestCert' in server;
    const client = isTls
      ? connectTls({ ...options, ca, cert: site1.cert, key: site1.key })
      : connect(options);
    await once(client, isTls ? 'secureConnect' : 'connect');
    return { server, client };
  }

  it.each([
    ['of a length', 'Content-Length: 5\r\n\r\nhello'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ])('reaches the application with its body %s, and so does the next one', async (__, rest) => {
    const { client } = await attached((request, response) => {
      void text(request).then((body) => {
        response.end(
          `${request.method ?? ''} ${request.url ?? ''} ${request.headers.upgrade ?? ''} ${body}.`,
        );
      });
    });
    client.write(`POST /a HTTP/1.1\r\n${h2c}${rest}`);
    // Node itself, without a hub too, loses a request that comes in one piece with this one.
    const [first] = (await once(client, 'data')) as [Buffer];
    client.write('GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const answers = `${first.toString()}${await text(client)}`;
    expect(answers.match(/(POST|GET) [^.]*\./g)).toEqual(['POST /a h2c hello.', 'GET /b  .']);
  });

  it('closes its response when the client goes', async () => {
    const { server, client } = await attached((__, response) => {
      response.writeHead(200).flushHeaders();
    });
    const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    client.resume();
    client.write(`GET /events HTTP/1.1\r\n${h2c}\r\n`);
    const [, response] = await asked;
    const closed = once(response, 'close');
    client.destroy();
    await closed;
    expect(response.writableFinished).toBe(false);
  });
});

async function listen(server: Server): Promise<void> {
  open.add(server);
  const listening = once(server, 'listening');
  server.listen(0, '127.0.0.1');
  await listening;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function urlOf(server: Server): string {
  const scheme = 'requestCert' in server ? 'https' : 'http';
  return `${scheme}://127.0.0.1:${portOf(server)}/f3`;
}

/** A site, with a certificate under mtls and without one under tls. */
function join(url: string, name: string, pair?: { readonly cert: string; readonly key: string }) {
  const security = pair === undefined ? 'tls' : 'mtls';
  const certificates =
    pair === undefined
      ? { ca_cert: files.ca, connection_security: security }
      : { ca_cert: files.ca, client_cert: pair.cert, client_key: pair.key };
  const site = communicator(new Endpoint(name));
  site.addConnector(url, Mode.ACTIVE, false, certificates);
  return site;
}

/** The HTTP status that an upgrade gets. */
async function upgrade(url: string): Promise<number> {
  const ws = new WebSocket(url.replace('http', 'ws'));
  const [, response] = (await once(ws, 'unexpected-response')) as [
    unknown,
    { statusCode: number; resume(): void },
  ];
  response.resume();
  return response.statusCode;
}
